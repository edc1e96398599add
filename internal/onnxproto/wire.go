package onnxproto

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// A source reads a file through one small window, so that skipping a weight reads nothing.
type source struct {
	r      io.ReaderAt
	size   int64
	window []byte // bytes of the file from start on
	start  int64
	buf    []byte // memory of window
	text   int64  // bytes of names that may still be read into memory
}

func newSource(r io.ReaderAt, size, text int64) *source {
	return &source{r: r, size: size, buf: make([]byte, 64<<10), text: text}
}

// peek returns n bytes at pos, or fewer at the end of the file. n is at most the size of the window.
func (s *source) peek(pos int64, n int) ([]byte, error) {
	if pos < s.start || pos+int64(n) > s.start+int64(len(s.window)) {
		want := min(int64(len(s.buf)), s.size-pos)
		got, err := s.r.ReadAt(s.buf[:want], pos)
		if int64(got) < want {
			return nil, fmt.Errorf("reading: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		s.window, s.start = s.buf[:got], pos
	}
	b := s.window[pos-s.start:]
	return b[:min(n, len(b))], nil
}

// A message is a range of the file that holds the fields of one protobuf message.
type message struct {
	src      *source
	pos, end int64
}

// A field is one field of a message.
type field struct {
	num    protowire.Number
	typ    protowire.Type
	scalar uint64  // the value of a number
	body   message // the range of the file that holds bytes
}

// next reads the next field, and reports false at the end of the message.
func (m *message) next() (field, bool, error) {
	if m.pos == m.end {
		return field{}, false, nil
	}
	at := m.pos
	f, err := m.read()
	if err != nil {
		return field{}, false, fmt.Errorf("byte %d: %w", at, err)
	}
	return f, true, nil
}

func (m *message) read() (field, error) {
	tag, err := m.varint()
	if err != nil {
		return field{}, err
	}
	num, typ := protowire.DecodeTag(tag)
	if num < protowire.MinValidNumber {
		return field{}, errors.New("bad field number (not an ONNX model, or a damaged one)")
	}
	f := field{num: num, typ: typ}
	switch typ {
	case protowire.VarintType:
		f.scalar, err = m.varint()
	case protowire.Fixed32Type:
		f.scalar, err = m.fixed(4)
	case protowire.Fixed64Type:
		f.scalar, err = m.fixed(8)
	case protowire.BytesType:
		var n uint64
		if n, err = m.varint(); err != nil {
			return field{}, err
		}
		if n > uint64(m.end-m.pos) {
			return field{}, fmt.Errorf("a field of %d bytes, but only %d are left (truncated file?)", n, m.end-m.pos)
		}
		f.body = message{m.src, m.pos, m.pos + int64(n)}
		m.pos += int64(n)
	default:
		err = fmt.Errorf("wire type %d, which ONNX does not use (not an ONNX model, or a damaged one)", typ)
	}
	return f, err
}

func (m *message) varint() (uint64, error) {
	b, err := m.src.peek(m.pos, int(min(10, m.end-m.pos)))
	if err != nil {
		return 0, err
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, fmt.Errorf("bad number: %w", protowire.ParseError(n))
	}
	m.pos += int64(n)
	return v, nil
}

func (m *message) fixed(size int) (uint64, error) {
	if m.end-m.pos < int64(size) {
		return 0, io.ErrUnexpectedEOF
	}
	b, err := m.src.peek(m.pos, size)
	if err != nil {
		return 0, err
	}
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	m.pos += int64(size)
	return v, nil
}

// text returns the field's bytes as a string. It is limited to the length of names.
func (f *field) text() (string, error) {
	if f.typ != protowire.BytesType {
		return "", fmt.Errorf("field %d is not a text", f.num)
	}
	n := f.body.end - f.body.pos
	if n > maxName {
		return "", fmt.Errorf("byte %d: a name of %d bytes is longer than %d", f.body.pos, n, maxName)
	}
	s := f.body.src
	if s.text -= n + 16; s.text < 0 { // 16 for the string header, so that empty names count too
		return "", errors.New("more names than any real model has")
	}
	b, err := s.peek(f.body.pos, int(n))
	return string(b), err
}

// ints appends the field's integers, which may be packed or not. It fails if the list becomes longer than limit.
func (f *field) ints(list []int64, limit int) ([]int64, error) {
	if f.typ == protowire.VarintType {
		list = append(list, int64(f.scalar))
	}
	for m := f.body; f.typ == protowire.BytesType && m.pos < m.end; {
		v, err := m.varint()
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", m.pos, err)
		}
		if list = append(list, int64(v)); len(list) > limit {
			break
		}
	}
	if len(list) > limit {
		return nil, fmt.Errorf("field %d has more than %d numbers", f.num, limit)
	}
	return list, nil
}

// each calls visit for every field of the message.
func (m message) each(visit func(f *field) error) error {
	return m.eachAt(func(f *field, _, _ int64) error { return visit(f) })
}

// eachAt calls visit for every field of the message, with the range of the file that the field and its tag take.
func (m message) eachAt(visit func(f *field, from, to int64) error) error {
	for {
		from := m.pos
		f, ok, err := m.next()
		if err != nil || !ok {
			return err
		}
		if err := visit(&f, from, m.pos); err != nil {
			return err
		}
	}
}

// sub calls visit for every field of the message that the field holds.
func (f *field) sub(visit func(f *field) error) error {
	if f.typ != protowire.BytesType {
		return fmt.Errorf("field %d is not a message", f.num)
	}
	return f.body.each(visit)
}
