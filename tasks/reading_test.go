package tasks

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"

	"w2s/internal/race"
	"w2s/internal/shareddata"
)

// The rows of these tests in four formats. The texts have quotation marks, accents and characters outside of the basic plane.
func sameRows() map[string]string {
	const text = "row %d, é – 日本 😀"
	return map[string]string{
		"csv":   lines("text,label\n", "\""+text+"\",%d\n", 20),
		"tsv":   lines("text\tlabel\n", text+"\t%d\n", 20),
		"jsonl": lines("", "{\"text\":\""+text+"\",\"label\":%d}\n", 20),
		"json":  "[" + strings.TrimSuffix(lines("", "{\"text\":\""+text+"\",\n\"label\":%d},\n", 20), ",\n") + "]\n",
	}
}

// inUTF16 encodes a text.
func inUTF16(text string, order binary.AppendByteOrder) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

// wantSameRows checks that a file gives the examples of sameRows.
func wantSameRows(t *testing.T, path string, want *Data) {
	t.Helper()
	report, err := Check(context.Background(), path, Limits{})
	if err != nil || report.Faults != nil {
		t.Errorf("%s: error %v, faults %v", filepath.Base(path), err, report)
		return
	}
	if d := load(t, path); !slices.EqualFunc(d.Pool, want.Pool, func(a, b Example) bool { return a.ID == b.ID && a.Gold[0] == b.Gold[0] }) {
		t.Errorf("%s: %d examples are not those of the plain file", filepath.Base(path), len(d.Pool))
	}
}

// Encodings, marks and line breaks that programs write do not change the rows.
func TestEncodingsAndLineBreaks(t *testing.T) {
	dir := t.TempDir()
	for format, text := range sameRows() {
		want := load(t, write(t, dir, "plain."+format, text))
		if len(want.Pool) != 20 {
			t.Fatalf("%s: %d examples", format, len(want.Pool))
		}
		returns := strings.ReplaceAll(text, "\n", "\r")
		for name, text := range map[string]string{
			"mark":      byteOrderMark + text,
			"twomarks":  byteOrderMark + byteOrderMark + text,
			"crlf":      strings.ReplaceAll(text, "\n", "\r\n"),
			"cr":        returns,
			"utf16le":   inUTF16(byteOrderMark+text, binary.LittleEndian),
			"utf16be":   inUTF16(byteOrderMark+text, binary.BigEndian),
			"nomarkle":  inUTF16(text, binary.LittleEndian),
			"nomarkbe":  inUTF16(text, binary.BigEndian),
			"utf16cr":   inUTF16(byteOrderMark+returns, binary.LittleEndian),
			"zipped.gz": packed(t, byteOrderMark+text),
			"wide.gz":   packed(t, inUTF16(text, binary.BigEndian)),
			"parts.gz":  packed(t, text[:100]) + packed(t, text[100:]),
			"packed":    packed(t, text),
			"plain.gz":  text,
		} {
			name, zipped := strings.CutSuffix(name, ".gz")
			name += "." + format
			if zipped {
				name += ".gz"
			}
			wantSameRows(t, write(t, dir, name, text), want)
		}
	}
	rs := strings.ReplaceAll("\n"+sameRows()["jsonl"], "\n{", "\n\x1e{")
	want := load(t, filepath.Join(dir, "plain.jsonl"))
	wantSameRows(t, write(t, dir, "rs.jsonl", rs[1:]), want)
	half := strings.Index(sameRows()["jsonl"], "{\"text\":\"row 9")
	wantSameRows(t, write(t, dir, "joined.jsonl", byteOrderMark+sameRows()["jsonl"][:half]+byteOrderMark+sameRows()["jsonl"][half:]), want)
}

// What is wrong with a file as a whole is said with its cause.
func TestFilesOfOtherKinds(t *testing.T) {
	rows := sameRows()
	tar := make([]byte, 1024)
	copy(tar, "a.csv")
	copy(tar[257:], "ustar\x0000")
	zip := "PK\x03\x04" + strings.Repeat("\x00", 26)
	torn := packed(t, rows["csv"])
	for name, c := range map[string]struct{ text, want string }{
		"zip.jsonl":       {zip + "a.jsonl", "is compressed with zip, which is not read (unpack it: unzip FILE)"},
		"book.csv":        {zip + "[Content_Types].xml", "is an Office document, which is not read (save it as CSV in UTF-8)"},
		"jis.csv":         {"text,label\n\x1b$B%i%Y%k\x1b(B,1\n", "is ISO-2022-JP, which is not read (convert it: iconv -f ISO-2022-JP -t UTF-8 FILE > NEW)"},
		"old.csv":         {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + zip, "is an Office document"},
		"nozip.tsv":       {"PK\x05\x06" + zip, "is an empty zip archive"},
		"zst.tsv":         {"\x28\xb5\x2f\xfd\x00", "is compressed with Zstandard"},
		"bz2.json":        {"BZh91AY&SY\x00", "is compressed with bzip2"},
		"a.csv.zst":       {"x", "is compressed with Zstandard, which is not read (unpack it: unzstd FILE)"},
		"a.jsonl.xz":      {"x", "is compressed with xz"},
		"tar.csv":         {string(tar), "is a tar archive, which is not read (unpack it: tar -xf FILE)"},
		"tar.csv.gz":      {packed(t, string(tar)), "is a tar archive"},
		"twice.csv.gz":    {packed(t, packed(t, rows["csv"])), "is compressed twice (unpack it once: gunzip)"},
		"a.parquet.gz":    {packed(t, "PAR1"), "parquet is not read from a .gz file"},
		"parquet.jsonl":   {"PAR1\x15", "is a parquet file (give it the extension .parquet"},
		"csv.parquet":     {rows["csv"], "not a readable parquet file: it does not begin with PAR1"},
		"book.parquet":    {zip + "[Content_Types].xml", "is an Office document"},
		"gz.parquet":      {packed(t, "PAR1"), "not a readable parquet file: it is compressed with gzip"},
		"feather.json":    {"ARROW1\x00\x00", "is an Arrow file"},
		"page.jsonl":      {"<!DOCTYPE HTML>\n<html>", "is an HTML page, not a data file"},
		"page.csv":        {"<html lang=en>\n", "is an HTML page"},
		"paper.tsv":       {"%PDF-1.4\n", "is a PDF document"},
		"data.json":       {"\x80\x04\x95\x0f\x00\x00", "is a Python pickle"},
		"base.csv":        {"SQLite format 3\x00\x10", "is a SQLite database"},
		"array.tsv":       {"\x93NUMPY\x01\x00", "is a NumPy array"},
		"utf32.csv":       {"t\x00\x00\x00e\x00\x00\x00", "is UTF-32, which is not read (convert it: iconv -f UTF-32"},
		"torn.csv.gz":     {torn[:len(torn)-9], "the gzip data is damaged or cut off (copy or download the file again)"},
		"checksum.csv.gz": {torn[:len(torn)-8] + "\x00\x00\x00\x00" + torn[len(torn)-4:], "after line 21: the gzip data is damaged or cut off"},
		"tail.tsv.gz":     {packed(t, rows["tsv"]) + "garbage", "after line 21: the gzip data is damaged or cut off"},
		"header.csv.gz":   {torn[:5], "the gzip data is damaged or cut off"},
	} {
		_, err := Check(context.Background(), write(t, t.TempDir(), name, c.text), Limits{})
		if err == nil || !contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// A fault of a row keeps neither the fault that ends the file nor those of other rows from being reported.
func TestFaultsBeforeDamage(t *testing.T) {
	text := packed(t, "text\tlabel\ngood\t1\n\xff\t1\n"+lines("", "row %d\t%d\n", 20))
	_, err := Check(context.Background(), write(t, t.TempDir(), "a.tsv.gz", text[:len(text)-8]), Limits{})
	if err == nil || !contains(err.Error(), "is damaged or cut off") || !contains(err.Error(), "a.tsv.gz:3: not UTF-8") {
		t.Errorf("%v", err)
	}
}

// Habits of other programs are named, not only the character at which the reader stopped.
func TestHabitsOfOtherPrograms(t *testing.T) {
	rows := sameRows()
	plain := lines("text,label\n", "row %d,%d\n", 20)
	mixed := strings.Replace(plain, "\nrow 7", "\rrow 7", 1)
	for name, c := range map[string]struct{ text, want string }{
		"semicolon.csv": {strings.ReplaceAll(plain, ",", ";"), "semicolon.csv:1: its columns are separated by semicolons, want commas"},
		"tabs.csv":      {strings.ReplaceAll(plain, ",", "\t"), "tabs.csv:1: its columns are separated by tabs, want commas (a file with tabs is named .tsv"},
		"commas.tsv":    {plain, "commas.tsv:1: its columns are separated by commas, want tabs"},
		"mixed.csv":     {mixed, "mixed.csv:8: 3 columns, want 2 (the record contains a carriage return"},
		"mixed.tsv":     {strings.ReplaceAll(mixed, ",", "\t"), "mixed.tsv:8: 3 columns, want 2"},
		"returns.csv":   {"text,label\n" + strings.ReplaceAll(strings.TrimPrefix(rows["csv"], "text,label\n"), "\n", "\r"), "(the record contains a carriage return"},
		"returns.jsonl": {strings.Replace(rows["jsonl"], "\n", "\r", 1), "returns.jsonl:1: more than one JSON value on the line (they are separated by a carriage return"},
		"lines.jsonl":   {strings.Replace(rows["jsonl"], "\n", "\u2028", 1), "lines.jsonl:1: more than one JSON value on the line (they are separated by U+2028"},
		"nel.json":      {strings.Replace(rows["jsonl"], "\n", "\u0085", 1), "nel.json:1: not JSON: U+0085 between two values"},
		"nel.csv":       {strings.ReplaceAll(plain, "\n", "\u0085"), "nel.csv:1: no rows after the header (the record contains U+0085, which ends no line"},
		"lines.tsv":     {strings.ReplaceAll(strings.ReplaceAll(plain, ",", "\t"), "\n", "\u2028"), "lines.tsv:1: no rows after the header (the record contains U+2028"},
		"feed.csv":      {strings.Replace(plain, "\nrow 7", "\u0085row 7", 1), "feed.csv:8: 3 columns, want 2 (the record contains U+0085"},
		"japanese.csv":  {strings.Replace(plain, "row 3", "row \x83\x89", 1), `japanese.csv:5: "text" is not UTF-8: byte 0x83 at character 5 (convert the file: iconv -f ENCODING -t UTF-8 FILE > NEW`},
		"japanese.tsv":  {"\x95\xb6\tlabel\nrow\t1\n", "japanese.tsv:1: not UTF-8: byte 0x95 at character 1"},
		"japanese.json": {"[{\"text\":\"\x83\x89\",\"label\":1}]", "japanese.json:1: not UTF-8: byte 0x83 at character 10"},
		"japanese.yaml": {"train: a.csv\ntitle: \x83\x89\n", "japanese.yaml:2: not UTF-8: byte 0x83 at character 8"},
		"comma.jsonl":   {strings.ReplaceAll(rows["jsonl"], "}\n", "},\n"), "comma.jsonl:1: a comma after the object"},
		"list.jsonl":    {`[{"text":"a","label":1}]`, "list.jsonl:1: a JSON array, want an object"},
		"long.jsonl":    {"[\n" + rows["json"][1:], "long.jsonl:1: not JSON lines: a list of several lines begins here"},
		"list.csv":      {"[\n{}\n]\n", `the text looks like JSON: give the file the extension .json or .jsonl`},
		"deep.jsonl":    {`{"text":` + strings.Repeat("[", 20000), "deep.jsonl:1: not JSON: lists and objects are nested more than 10,000 deep"},
		"nan.jsonl":     {`{"text":"a","label":NaN}`, "nan.jsonl:1: not JSON: NaN is no value of JSON"},
		"python.jsonl":  {`{'text':'a','label':1}`, "python.jsonl:1: not JSON: a text is not in double quotation marks"},
		"true.jsonl":    {`{"text":"a","label":True}`, "true.jsonl:1: not JSON: True is true in JSON"},
		"trailing.json": {`[{"text":"a","label":1,}]`, "trailing.json:1: not JSON: a comma before '}'"},
		"csv.jsonl":     {plain, `csv.jsonl:1: not JSON: "text,label", want an object in braces`},
		"wrapped.json":  {`{"version":1,"data":[{"text":"a","label":1}]}`, `if the rows are the list "data", write this list alone into the file`},
		"columns.json":  {`{"a":["x"],"b":[1]}`, "the file seems to have a list for each column: write an object for each row"},
		"upper.csv":     {"Text,Label\na,1\n", `"Text" is not "text": write the name in this way`},
		"space.jsonl":   {`{"text ":"a","label":1}`, `"text " is not "text"`},
		"head.csv":      {"text,label\n", `head.csv: no rows after the header (columns: "label", "text")`},
		"empty.tsv":     {"", "empty.tsv: no rows"},
		"header.csv":    {"text,label,label\na,1,0\n", `header.csv:1: columns 2 and 3 are both named "label"`},
		"spaces.csv":    {"text,label,\u00a0label \na,1,0\n", `spaces.csv:1: columns 2 and 3 are both named "label"`},
		"header.tsv":    {"text\tlabel\ttext\na\t1\tb\n", `header.tsv:1: columns 1 and 3 are both named "text"`},
		"case.csv":      {"text,Label,label\na,1,0\n", `columns "label" and "Label" differ only in case or what cannot be seen`},
		"hidden.csv":    {"text,label,la\u200bbel\na,1,0\n", `columns "label" and "la\u200bbel" differ only in case or what cannot be seen`},
		"key.jsonl":     {`{"text":"a","label":1,"label":0}`, `key.jsonl:1: the key "label" is there twice`},
		"escaped.jsonl": {`{"text":"a","label":1,"l\u0061bel":0}`, `escaped.jsonl:1: the key "label" is there twice`},
		"inner.jsonl":   {`{"text":"a","label":1,"x":[{"y":1,"y":1}]}`, `inner.jsonl:1: the key "y" is there twice`},
		"soft.jsonl":    {`{"txt":"a","soft_label":[0.3,0.7]}`, `soft_label may be a model's opinion; if it is gold, write a task file with "label: soft_label" and "soft: true"`},
		"cells.csv":     {"question,choices,answer\nq,\"[\"\"a\"\",\"\"b\"\"]\",0\n", `cells.csv:2: "choices" is a text, not a list (CSV and TSV have no lists: write the rows as JSONL or parquet)`},
		"same.jsonl":    {lines("", "{\"question\":\"q %d%d\",\"choices\":[\"yes\",\"no\",\"yes\"],\"answer\":\"yes\"}\n", 30), "0 examples, want at least 12 (30 rows left out: two candidates are the same text)"},
		"none.jsonl":    {`{"question":"q","choices":[],"answer":0}`, "none.jsonl:1: 0 candidates, want 2 or more"},
		"one.jsonl":     {`{"question":"q","choices":["a"],"answer":0}`, "one.jsonl:1: 1 candidate, want 2 or more"},
	} {
		report, err := Check(context.Background(), write(t, t.TempDir(), name, c.text), Limits{})
		if err != nil || report.Faults == nil || !contains(report.Faults.Error(), c.want) {
			t.Errorf("%s: error %v, report %+v, want %q", name, err, report, c.want)
		}
	}
}

// Columns of openai/weak-to-strong: txt is the text; gt_label is gold, or hard_label where there is no other.
func TestColumnsOfWeakToStrong(t *testing.T) {
	dir := t.TempDir()
	want := load(t, write(t, dir, "plain.jsonl", sameRows()["jsonl"]))
	renamed := strings.NewReplacer(`"text":`, `"txt":`, `"label":`, `"soft_label":[0.5,0.5],"hard_label":`).Replace(sameRows()["jsonl"])
	wantSameRows(t, write(t, dir, "hard.jsonl", renamed), want)
	both := strings.NewReplacer(`"text":`, `"txt":`, `"label":`, `"hard_label":1,"gt_label":`).Replace(sameRows()["jsonl"])
	wantSameRows(t, write(t, dir, "both.jsonl", both), want)

	// A task file may say that soft_label is gold. It is a list with a probability for each class.
	write(t, dir, "soft.jsonl", lines("", "{\"txt\":\"row %d\",\"soft_label\":[0.25,0.75],\"x\":%d}\n", 20))
	write(t, dir, "soft.csv", lines("txt,soft_label,x\n", "row %d,\"[0.25, 0.75]\",%d\n", 20))
	for file, want := range map[string]string{"soft.jsonl": `soft: no example of class "0"`, "soft.csv": "CSV and TSV have no lists"} {
		spec := write(t, dir, "s"+file+".yaml", "name: soft\ntrain: "+file+"\ntemplate: \"{txt}\"\nlabel: soft_label\nsoft: true\n")
		report, err := Check(context.Background(), spec, Limits{})
		if err != nil || report.Faults == nil || !contains(report.Faults.Error(), want) {
			t.Errorf("%s: error %v, report %+v, want %q", file, err, report, want)
		}
	}
	write(t, dir, "both.jsonl", lines("", "{\"txt\":\"row %d\",\"soft_label\":[0.25,0.75],\"x\":%d}\n", 20)+lines("", "{\"txt\":\"more %d\",\"soft_label\":[1,0],\"x\":%d}\n", 20))
	d := load(t, write(t, dir, "both.yaml", "train: both.jsonl\ntemplate: \"{txt}\"\nlabel: soft_label\nsoft: true\n"))
	for _, e := range d.Pool {
		if want := map[byte]float64{'r': 0.25, 'm': 1}[e.Texts[0][0]]; e.Gold[0] != want || e.Gold[1] != 1-want {
			t.Errorf("%q: gold %v, want %v for the first class", e.Texts[0], e.Gold, want)
		}
	}
}

// peak calls f and returns the greatest size that the heap was seen to have meanwhile.
func peak(f func()) (most uint64) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		metrics.Read(sample)
		most = max(most, sample[0].Value.Uint64())
		select {
		case <-done:
			return most
		case <-time.After(time.Millisecond):
		}
	}
}

// Data beyond the limits is refused with the flag that raises them, and long before it could fill the memory.
func TestLimits(t *testing.T) {
	race.SkipLong(t)
	const mib = 1 << 20
	dir := t.TempDir()
	repeat := func(head, text string, bytes int) string { return head + strings.Repeat(text, bytes/len(text)) }
	for name, c := range map[string]struct {
		text     string
		unpacked int64  // limit
		want     string // "" means no error
	}{
		"fits.tsv.gz":    {lines("text\tlabel\n", "row %d\t%d\n", 100), mib / 4, ""},
		"long.csv.gz":    {repeat("text,label\nx,1\n\"", "x", 17*mib), 64 * mib, "the record after line 2 is longer than 16 MiB, the limit for a line or a record (is the quotation mark at the end of a text missing?)"},
		"long.jsonl.gz":  {repeat(`{"text":"`, "x", 17*mib), 64 * mib, "line 1 is longer than 16 MiB, the limit"},
		"long.json.gz":   {repeat(`[{"text":"`, "x", 17*mib), 64 * mib, "the value at line 1 is longer than 16 MiB"},
		"deep.jsonl":     {repeat(`{"x":`, "[", 100_000), 64 * mib, "nested more than 10,000 deep"},
		"rows.tsv.gz":    {repeat("text\tlabel\n", "x\t1\ny\t0\n", mib/2), mib / 4, "too much data: more than 256 KiB after decompression (read a part of the data, or raise --max-unpacked)"},
		"rows.csv.gz":    {repeat("text,label\n", "x,1\ny,0\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"blank.csv.gz":   {repeat("text,label\nx,1\n", "\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"blank.json.gz":  {repeat(`[{"text":"x","label":1},`, "\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"rows.json.gz":   {repeat(`[{"text":"x","label":1},`, "{},", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"empty.tsv.gz":   {repeat("text\tlabel\n", strings.Repeat(" ", 4000)+"\n", 65*mib), 1 * mib, `no rows in its first 64 MiB after the header (columns: "label", "text")`},
		"rows.jsonl.gz":  {repeat("", "{\"text\":\"x\",\"label\":1}\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"wide.csv.gz":    {inUTF16(repeat("text,label\n", "x,1\ny,0\n", mib/2), binary.LittleEndian), mib / 4, "too much data: more than 256 KiB"},
		"bad.tsv.gz":     {repeat("text\tlabel\n", "x\ty\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"columns.csv.gz": {repeat("text,label", ",x", 2*mib), 64 * mib, "columns.csv.gz: the first record has more than 10000 columns, the limit"},
		"cells.csv.gz":   {repeat("text,label\nx,1\ny,0\n", ",", 2*mib), 64 * mib, "the record after line 3 has more than 10000 columns"},
		"quoted.csv.gz":  {"text,label\n" + lines("", "\"row %d "+strings.Repeat(",", 20_000)+"\",%d\n", 20), 64 * mib, ""},
		"columns.tsv.gz": {repeat("text\tlabel", "\tx", 2*mib), 64 * mib, "columns.tsv.gz:1: more than 10000 columns"},
		"kept.tsv.gz":    {lines("text\tlabel\n", "row %d\t%d\n", 2_000), mib / 4, "its examples take more than 64 KiB of memory, a quarter of --max-unpacked"},
		"kept.pgn.gz":    {repeat("[Event \"x\"]\n\n1. ", "Nf3 Nf6 Ng1 Ng8\n", mib/2), mib / 4, "too much data: more than 256 KiB"},
		"game.pgn.gz":    {repeat("[Event \"x\"]\n\n1. ", "Nf3 Nf6 Ng1 Ng8\n", 2*mib), 64 * mib, "1 game left out: more than 12000 plies"},
		"comment.pgn.gz": {repeat("1. e4 {", strings.Repeat("a ", 1000)+"\n", 17*mib), 64 * mib, "is longer than 16 MiB, the limit for a line or a record (is the end of a comment missing?)"},
		"tags.pgn.gz":    {repeat("", "[Site \""+strings.Repeat("x", 4000)+"\"]\n", 17*mib), 64 * mib, "is longer than 16 MiB"},
		"long.fen.gz":    {repeat("", "8/", 17*mib), 64 * mib, "line 1 is longer than 16 MiB"},
	} {
		text := c.text
		if strings.HasSuffix(name, ".gz") {
			text = packed(t, text)
		}
		path := write(t, dir, name, text)
		var report *CheckReport
		var err error
		most := peak(func() { report, err = Check(context.Background(), path, Limits{Unpacked: c.unpacked}) })
		if err == nil && report.Faults != nil {
			err = report.Faults
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if most > 600*mib {
			t.Errorf("%s: %d MiB in use", name, most/mib)
		}
	}
}

// The limits hold for all files of a task together.
func TestLimitsOfSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.tsv", "text\tlabel\n"+strings.Repeat("x\t1\n", 100_000))
	write(t, dir, "b.tsv", "text\tlabel\n"+strings.Repeat("y\t0\n", 100_000))
	path := write(t, dir, "t.yaml", "train: [a.tsv, b.tsv]\n")
	_, err := Check(context.Background(), path, Limits{Unpacked: 600_000})
	if err == nil || !errors.Is(err, errBudget) || !contains(err.Error(), "b.tsv") || contains(err.Error(), "a.tsv:") {
		t.Errorf("%v, want an error for b.tsv", err)
	}
}

// The cases of the shared folder are read, or refused with their cause.
func TestReadingCases(t *testing.T) {
	for _, c := range []struct {
		path []string
		want string // "" means 24 or 30 examples
	}{
		{[]string{"csv-cr-only", "mac.csv"}, ""},
		{[]string{"csv-cr-only", "mac.jsonl"}, ""},
		{[]string{"csv-utf16", "u.csv"}, ""},
		{[]string{"csv-utf16", "u.tsv"}, ""},
		{[]string{"csv-utf16", "u.jsonl"}, ""},
		{[]string{"parquet", "f16.parquet"}, ""},
		{[]string{"jsonl-separators", "txt.jsonl"}, ""},
		{[]string{"jsonl-separators", "dupchoice.jsonl"}, "30 rows left out: two candidates are the same text"},
		{[]string{"csv-duplicate-columns", "d.csv"}, `columns 2 and 3 are both named "label"`},
		{[]string{"hostile", "dupcols.csv"}, `columns 1 and 3 are both named "text"`},
		{[]string{"hostile", "bomb.json.gz"}, "longer than 16 MiB"},
		{[]string{"hostile", "bombquote.csv.gz"}, "longer than 16 MiB"},
		{[]string{"hostile", "pq_crash_1030.parquet"}, "its footer would have"},
	} {
		report, err := Check(context.Background(), shareddata.Path(t, append([]string{"cases"}, c.path...)...), Limits{})
		if err == nil && report.Faults != nil {
			err = report.Faults
		}
		switch {
		case c.want != "" && (err == nil || !contains(err.Error(), c.want)):
			t.Errorf("%v: error %v, want %q", c.path, err, c.want)
		case c.want == "" && (err != nil || report.Pool != 24 && report.Pool != 30):
			t.Errorf("%v: error %v, report %+v", c.path, err, report)
		}
	}
}

// Reading UTF-16 does not depend on how the bytes arrive.
func TestUTF16InPieces(t *testing.T) {
	text := inUTF16("a\U0001f600é\n\U0001f600", binary.BigEndian)
	for name, in := range map[string]io.Reader{"at once": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)),
		"end with data": iotest.DataErrReader(strings.NewReader(text))} {
		var out bytes.Buffer
		if _, err := out.ReadFrom(&utf16Reader{in: in, order: binary.BigEndian}); err != nil || out.String() != "a\U0001f600é\n\U0001f600" {
			t.Errorf("%s: %q, %v", name, out.String(), err)
		}
	}
	for _, broken := range []string{text[:len(text)-1], text[:len(text)-2], "\xd8\x3d\x00a", "\xde\x00\x00a"} {
		var out bytes.Buffer
		if _, err := out.ReadFrom(&utf16Reader{in: strings.NewReader(broken), order: binary.BigEndian}); err != nil || !bytes.Contains(out.Bytes(), []byte{notUTF8}) {
			t.Errorf("%x: %q, %v: want a byte that is not UTF-8", broken, out.Bytes(), err)
		}
	}
}
