package tasks

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"w2s/internal/inputfile"
	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A Spec describes a task on your own files. A YAML task file holds one; docs/add-a-task.md explains every key. Zero
// values mean the defaults given here.
type Spec struct {
	Name     string   `yaml:"name"`     // default: the name of the task file
	Category Category `yaml:"category"` // default: depends on the form
	Form     Form     `yaml:"form"`     // default: classify
	Title    string   `yaml:"title"`
	Source   string   `yaml:"source"`
	Licence  string   `yaml:"licence"`
	Metric   Metric   `yaml:"metric"` // default: accuracy, or exact-match for generate
	Version  int      `yaml:"version"`

	Train   Strings      `yaml:"train"`   // files, relative to the task file
	Test    Strings      `yaml:"test"`    // files of the test part; without any, the split takes one from Train
	Format  string       `yaml:"format"`  // default: by the extension of the file
	Header  *bool        `yaml:"header"`  // TSV and CSV: whether the first line names the columns; default: true
	Columns []string     `yaml:"columns"` // TSV and CSV without a header line: the names of the columns
	Split   *ColumnSplit `yaml:"split"`   // takes the test part from rows of Train instead of files of its own

	Template string `yaml:"template"` // text of an example: "{title} {content}"; rank: with {candidate}
	Control  string `yaml:"control"`  // template of the control text
	Group    string `yaml:"group"`    // column with the group, such as the document that a sentence is from; may be empty
	// Difficulty is the column with a number that is larger for harder rows: a grade, a rating.
	Difficulty string   `yaml:"difficulty"`
	ID         string   `yaml:"id"`       // column whose values must not repeat
	Label      string   `yaml:"label"`    // classify: column with the label
	Labels     LabelMap `yaml:"labels"`   // classify: maps a value of the label column to the name or number of a class
	Classes    []string `yaml:"classes"`  // classify: default "0", "1"
	Soft       bool     `yaml:"soft"`     // the label is a probability (of the second class, or that chosen is better), or a list with one for each class
	Chosen     string   `yaml:"chosen"`   // rank: column with the better one of two candidates
	Rejected   string   `yaml:"rejected"` // rank: column with the worse one
	Choices    string   `yaml:"choices"`  // rank: column with the list of candidates
	Rows       int      `yaml:"rows"`     // number of rows to read of each part; 0 means all
	Answer     string   `yaml:"answer"`   // column with the answer (generate), or the number from 0, letter or text of the right candidate (rank)
	Board      string   `yaml:"board"`    // chess files: notation of the board (ladder, fen, words, san or uci)

	classIndex map[string]int // see class; check sets it
	mapped     string         // the values of Labels for messages; check sets it

	weak    []string // columns with opinions of weak supervisors, see WithColumns
	guessed bool     // made from the columns of a file
	notes   []string // of a guessed Spec: what a reader of a result must know about the columns
}

// A ColumnSplit says which rows form the test part.
type ColumnSplit struct {
	Column string  `yaml:"column"`
	Test   Strings `yaml:"test"` // the test part is the rows with one of these values in the column
}

// Strings is a list that YAML may also write as a single value.
type Strings []string

// UnmarshalYAML decodes a list, or a single value as a list of one.
func (s *Strings) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*s = Strings{node.Value}
		return nil
	}
	return node.Decode((*[]string)(s))
}

// A LabelMap maps values of the label column to the names or numbers of classes.
type LabelMap map[string]string

// UnmarshalYAML decodes a map. The YAML library compares every key of a map with every other one, which takes minutes for a map
// of many labels.
func (m *LabelMap) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return node.Decode((*map[string]string)(m)) // says what is wrong
	}
	*m = make(LabelMap, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		var key, value string
		if err := errors.Join(node.Content[i].Decode(&key), node.Content[i+1].Decode(&value)); err != nil {
			return err
		}
		if line, ok := lines[key]; ok {
			return fmt.Errorf("line %d: the label %q is already at line %d", node.Content[i].Line, shortened(key), line)
		}
		lines[key], (*m)[key] = node.Content[i].Line, value
	}
	return nil
}

// specKeys lists the keys of a task file.
var specKeys = []string{
	"name", "category", "form", "title", "source", "licence", "metric", "version", "train", "test", "format", "header",
	"columns", "split", "template", "control", "group", "difficulty", "id", "label", "labels", "classes", "soft", "chosen", "rejected",
	"choices", "answer", "board", "rows",
}

// isTaskFile reports whether a path has the extension of a YAML task file.
func isTaskFile(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// maxSpecBytes bounds the size of a task file.
const maxSpecBytes = 1 << 20

// readSpec reads and checks a task file. It reports all faults together.
func readSpec(path string) (Spec, error) {
	data, err := inputfile.Read(path, maxSpecBytes)
	if err != nil {
		return Spec{}, fmt.Errorf("tasks: task file: %w", err)
	}
	spec, faults := parseSpec(data, filepath.Base(path))
	if spec.Name == "" {
		spec.Name = visible.Name(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	}
	return spec, faults.err()
}

// parseSpec decodes and checks the contents of a task file; name is the name of the file for messages.
func parseSpec(data []byte, name string) (Spec, *Faults) {
	faults := &Faults{}
	var spec Spec
	if bad := invalidLine(data); bad > 0 {
		faults.add(name, bad, "%s", notUTF8Fault(strings.Split(string(data), "\n")[bad-1]))
		return spec, faults
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		yamlFault(faults, name, err.Error())
		return spec, faults
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		faults.add(name, 0, "not a task file: want lines such as \"train: reviews.tsv\"")
		return spec, faults
	}
	lines := map[string]int{}
	keys := doc.Content[0].Content
	for i := 0; i+1 < len(keys); i += 2 {
		key := keys[i].Value
		lines[key] = keys[i].Line
		if slices.Contains(specKeys, key) {
			continue
		}
		if near := suggest.Nearest(key, specKeys); near != "" {
			faults.add(name, keys[i].Line, "unknown key %q (did you mean %q?)", key, near)
		} else {
			faults.add(name, keys[i].Line, "unknown key %q (have: %s)", key, strings.Join(specKeys, ", "))
		}
	}
	if err := doc.Decode(&spec); err != nil {
		var mismatch *yaml.TypeError
		if errors.As(err, &mismatch) {
			for _, text := range mismatch.Errors {
				yamlFault(faults, name, text)
			}
		} else {
			yamlFault(faults, name, err.Error())
		}
		return spec, faults
	}
	spec.check(func(key, format string, args ...any) { faults.add(name, lines[key], format, args...) })
	return spec, faults
}

// invalidLine returns the number of the first line of a text that is not UTF-8, or 0. YAML may be UTF-16 with a byte order mark.
func invalidLine(data []byte) int {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return 0
	}
	return 1 + slices.IndexFunc(bytes.Split(data, []byte("\n")), func(line []byte) bool { return !utf8.Valid(line) })
}

// yamlFault adds a message of the YAML library as a fault. The library writes the line number into its message.
func yamlFault(faults *Faults, name, text string) {
	text = strings.TrimPrefix(text, "yaml: ")
	if after, ok := strings.CutPrefix(text, "line "); ok {
		number, rest, _ := strings.Cut(after, ": ")
		if line, err := strconv.Atoi(number); err == nil {
			faults.add(name, line, "%s", rest)
			return
		}
	}
	faults.add(name, 0, "%s", text)
}
