package main

import (
	"regexp"

	"w2s/internal/progress"
)

// Packages begin their errors with their names, for programs that use them. These do not help people at a terminal, so the
// command removes them, at one place, from what it prints.
var (
	packageNames = regexp.MustCompile(`(^|: |\()(?:(?:catalog|drawn|experiment|families|feature|fetch|freeform|importer|kernels|onnx|onnxgraph|onnxproto|` +
		`parquetfile|safetensors|stats|summary|supervisor|tasks|tokenizer|vectorfile): )+`)
	// These names are also names of flags and of keys of files, and belong to the message after FILE:LINE.
	ambiguousNames = regexp.MustCompile(`(^|[^0-9]: |\()(?:(?:head|label|loss|metric|plot|report|result|table): )+`)
)

// plain returns an error's text without the names of packages.
func plain(text string) string {
	for {
		shorter := ambiguousNames.ReplaceAllString(packageNames.ReplaceAllString(text, "$1"), "$1")
		if shorter == text {
			return text
		}
		text = shorter
	}
}

// A plainReporter prints lines without the names of packages.
type plainReporter struct{ progress.Reporter }

func (r plainReporter) Print(line string) { r.Reporter.Print(plain(line)) }
