package tasks

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"w2s/internal/inputfile"
)

// plainText returns the text of a stored file as UTF-8 with lines that end in "\n" or "\r\n": it decompresses gzip, decodes
// UTF-16, removes byte order marks, and translates the line breaks of old Macintosh files. The text counts against the budget.
func plainText(stored io.Reader, b *budget) (io.Reader, error) {
	in := bufio.NewReaderSize(stored, headBytes)
	head, _ := in.Peek(headBytes) // an error shows when the text is read
	if bytes.HasPrefix(head, gzipMagic) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, gzipFault(err)
		}
		in = bufio.NewReaderSize(&countedReader{r: gzipReader{unzipped}, budget: b}, headBytes)
		if head, _ = in.Peek(headBytes); bytes.HasPrefix(head, gzipMagic) {
			return nil, errors.New("is compressed twice (unpack it once: gunzip)")
		}
	} else {
		in = bufio.NewReaderSize(&countedReader{r: in, budget: b}, headBytes)
		head, _ = in.Peek(headBytes)
	}
	if fault := foreignFile(head); fault != "" {
		return nil, errors.New(fault)
	}
	for _, escape := range []string{"\x1b$B", "\x1b$@"} {
		if bytes.Contains(head, []byte(escape)) {
			return nil, errors.New("is ISO-2022-JP, which is not read (convert it: iconv -f ISO-2022-JP -t UTF-8 FILE > NEW)")
		}
	}
	order, err := utf16Order(head)
	if err != nil {
		return nil, err
	}
	if order != nil {
		in = bufio.NewReaderSize(&utf16Reader{in: in, order: order}, headBytes)
		head, _ = in.Peek(headBytes)
	}
	for bytes.HasPrefix(head, []byte(byteOrderMark)) { // programs that add a mark may find one already
		in.Discard(len(byteOrderMark))
		head = head[len(byteOrderMark):]
	}
	if bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		return &returnReader{r: in}, nil
	}
	return in, nil
}

// headBytes is how much of a file decides on its encoding and line breaks.
const headBytes = 64 << 10

var gzipMagic = []byte{0x1f, 0x8b}

// A packer is a program whose files are not read.
type packer struct{ magic, name, extension, command string }

// packers lists formats by their first bytes and by the extensions of their files.
var packers = []packer{
	{"\x28\xb5\x2f\xfd", "Zstandard", "zst", "unzstd FILE"},
	{"\xfd7zXZ\x00", "xz", "xz", "unxz FILE"},
	{"BZh", "bzip2", "bz2", "bunzip2 FILE"},
	{"PK\x03\x04", "zip", "zip", "unzip FILE"},
	{"7z\xbc\xaf\x27\x1c", "7-Zip", "7z", "7z x FILE"},
	{"\x04\x22\x4d\x18", "lz4", "lz4", "lz4 -d FILE"},
}

// foreign lists kinds of files that are not text by their first bytes, and what to do about them.
var foreign = []struct{ magic, fault string }{
	{parquetMagic, "is a parquet file (give it the extension .parquet, or write format: parquet in a task file)"},
	{"ARROW1", "is an Arrow file, which is not read (write it as parquet)"},
	{"PK\x05\x06", "is an empty zip archive"},
	{"Rar!\x1a\x07", "is a RAR archive, which is not read (unpack it)"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Office document, which is not read (save it as CSV in UTF-8)"},
	{"SQLite format 3\x00", "is a SQLite database, which is not read (export the rows as CSV)"},
	{"\x89HDF\r\n\x1a\n", "is an HDF5 file, which is not read (write it as parquet)"},
	{"\x93NUMPY", "is a NumPy array, which is not read (write the rows as JSONL or parquet)"},
	{"\x80\x02", "is a Python pickle, which is not read (write the rows as JSONL or parquet)"},
	{"\x80\x03", "is a Python pickle, which is not read (write the rows as JSONL or parquet)"},
	{"\x80\x04\x95", "is a Python pickle, which is not read (write the rows as JSONL or parquet)"},
	{"\x80\x05\x95", "is a Python pickle, which is not read (write the rows as JSONL or parquet)"},
	{"%PDF-", "is a PDF document, not a data file"},
	{"\x89PNG\r\n", "is a picture, not a data file"},
	{"\xff\xd8\xff", "is a picture, not a data file"},
	{"GIF8", "is a picture, not a data file"},
	{"<!doctype html", "is an HTML page, not a data file (download the file itself, not the page that shows it)"},
	{"<html", "is an HTML page, not a data file (download the file itself, not the page that shows it)"},
}

// foreignFile returns what is wrong with a file that starts with head and is not text, or "".
func foreignFile(head []byte) string {
	for _, p := range packers {
		switch {
		case !bytes.HasPrefix(head, []byte(p.magic)), p.name == "bzip2" && !bytes.HasPrefix(head[min(4, len(head)):], []byte("1AY&SY")):
		case p.name == "zip" && bytes.Contains(head, []byte("[Content_Types].xml")):
			return "is an Office document, which is not read (save it as CSV in UTF-8)"
		default:
			return fmt.Sprintf("is compressed with %s, which is not read (unpack it: %s)", p.name, p.command)
		}
	}
	for _, f := range foreign {
		if start := head[:min(len(f.magic), len(head))]; string(start) == f.magic || f.magic[0] == '<' && strings.EqualFold(string(start), f.magic) {
			return f.fault
		}
	}
	const tarMagic, tarPlace = "ustar", 257
	if len(head) > tarPlace && bytes.HasPrefix(head[tarPlace:], []byte(tarMagic)) {
		return "is a tar archive, which is not read (unpack it: tar -xf FILE)"
	}
	return ""
}

// A gzipReader words the errors of gzip.
type gzipReader struct{ r io.Reader }

func (g gzipReader) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	return n, gzipFault(err)
}

// gzipFault words an error of gzip. Other errors stay as they are.
func gzipFault(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt) {
		return fmt.Errorf("the gzip data is damaged or cut off (copy or download the file again): %w", err)
	}
	return err
}

// packerOf returns the packer that the extension of a path names, or the zero packer.
func packerOf(path string) packer {
	ext := strings.TrimPrefix(strings.ToLower(filepath.Ext(path)), ".")
	for _, p := range packers {
		if ext == p.extension || ext == "zstd" && p.extension == "zst" {
			return p
		}
	}
	return packer{}
}

// utf16Order returns the byte order of text in UTF-16, or nil for other text. Text has no zero bytes, so the place of the
// first one tells the order if a byte order mark is missing.
func utf16Order(head []byte) (binary.ByteOrder, error) {
	const utf32 = "is UTF-32, which is not read (convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW)"
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(head, []byte{0, 0, 0xfe, 0xff}):
		return nil, errors.New(utf32)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return binary.LittleEndian, nil
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return binary.BigEndian, nil
	case len(head) < 4:
		return nil, nil
	case head[0] != 0 && head[1] == 0 && head[2] == 0 && head[3] == 0, head[0] == 0 && head[1] == 0 && head[2] == 0 && head[3] != 0:
		return nil, errors.New(utf32)
	case head[0] != 0 && head[1] == 0:
		return binary.LittleEndian, nil
	case head[0] == 0 && head[1] != 0:
		return binary.BigEndian, nil
	}
	return nil, nil
}

// A utf16Reader reads UTF-16 as UTF-8. Half of a character becomes bytes that are not UTF-8, so that its row is a fault.
type utf16Reader struct {
	in    io.Reader
	order binary.ByteOrder
	text  []byte // decoded, and not read yet
	err   error
	raw   [4 << 10]byte
	have  int // bytes at the start of raw that are not decoded yet
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.text) == 0 && u.err == nil {
		u.decode()
	}
	n := copy(p, u.text)
	if u.text = u.text[n:]; len(u.text) == 0 && n == 0 {
		return 0, u.err
	}
	return n, nil
}

// decode fills text.
func (u *utf16Reader) decode() {
	n, err := u.in.Read(u.raw[u.have:])
	u.have, u.err = u.have+n, err
	u.text = u.text[:0]
	at := 0
	for ; at+2 <= u.have; at += 2 {
		unit := rune(u.order.Uint16(u.raw[at:]))
		if !utf16.IsSurrogate(unit) {
			u.text = utf8.AppendRune(u.text, unit)
			continue
		}
		if at+4 > u.have && u.err == nil {
			break // the other half comes with the next bytes
		}
		var other rune
		if at+4 <= u.have {
			other = rune(u.order.Uint16(u.raw[at+2:]))
		}
		if r := utf16.DecodeRune(unit, other); r != utf8.RuneError {
			u.text = utf8.AppendRune(u.text, r)
			at += 2
		} else {
			u.text = append(u.text, notUTF8)
		}
	}
	u.have = copy(u.raw[:], u.raw[at:u.have])
	if u.err != nil && u.have > 0 {
		u.text, u.have = append(u.text, notUTF8), 0
	}
}

// notUTF8 is a byte that UTF-8 does not contain.
const notUTF8 = 0xff

// A returnReader turns carriage returns into line feeds.
type returnReader struct{ r io.Reader }

func (t *returnReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// A countedReader counts what is read against a budget.
type countedReader struct {
	r      io.Reader
	budget *budget
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if over := c.budget.unpack(int64(n)); over != nil {
		return 0, over
	}
	return n, err
}

// A recordReader fails if one record of CSV takes more than maxRowBytes or maxRowColumns. The reader of records calls next
// before each of them.
type recordReader struct {
	r      io.Reader
	left   int
	last   byte // the last byte that was read
	bares  int  // carriage returns before anything but a line feed
	quoted bool // whether the next byte is inside a quoted text
	commas int  // separators in the record that is being read
}

// errLongRecord is the error for a record of more than maxRowBytes.
var errLongRecord = fmt.Errorf("longer than %s, the limit for a line or a record", inputfile.Bytes(maxRowBytes))

// errManyColumns is the error for a record of more than maxRowColumns.
var errManyColumns = fmt.Errorf("more than %d columns, the limit (keep those that the task uses)", maxRowColumns)

// after returns an error of reading with the number of lines before the place where it occurred. A limit on the whole file has
// no place.
func after(lines int, err error) error {
	if lines < 1 || errors.Is(err, errBudget) {
		return err
	}
	return fmt.Errorf("after line %d: %w", lines, err)
}

func (c *recordReader) next() { c.left = maxRowBytes + headBytes }

func (c *recordReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for _, b := range p[:n] {
		if c.last == '\r' && b != '\n' {
			c.bares++
		}
		c.last = b
		switch {
		case b == '"':
			c.quoted = !c.quoted
		case c.quoted:
		case b == '\n':
			c.commas = 0
		case b == ',':
			if c.commas++; c.commas >= maxRowColumns {
				return 0, errManyColumns
			}
		}
	}
	if c.left -= n; c.left < 0 {
		return 0, errLongRecord
	}
	return n, err
}

// bareReturns explains a fault in a text that seems to have two kinds of line breaks, or returns "".
func (c *recordReader) bareReturns() string {
	if c.bares == 0 {
		return ""
	}
	return returnsHint
}

// eachLine calls do for every line until do returns false. It removes the line break ("\n" or "\r\n").
func eachLine(r io.Reader, do func(line int, text []byte) bool) error {
	in := bufio.NewReaderSize(r, headBytes)
	var text []byte
	for line := 1; ; line++ {
		text = text[:0]
		for {
			part, err := in.ReadSlice('\n')
			text = append(text, part...)
			if len(text) > maxRowBytes {
				return fmt.Errorf("line %d is %w (does the name of the file end in its format?)", line, errLongRecord)
			}
			if err == bufio.ErrBufferFull {
				continue
			}
			if err != nil && err != io.EOF {
				return after(line-1, err)
			}
			if err == io.EOF && len(text) == 0 {
				return nil
			}
			break
		}
		record := bytes.TrimSuffix(text, []byte("\n"))
		record = bytes.TrimSuffix(record, []byte("\r"))
		if !do(line, record) {
			return nil
		}
	}
}

// byteOrderMark is a mark that some editors write at the start of a UTF-8 file.
const byteOrderMark = "\ufeff"
