package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Limits on what is described by thrift in a parquet file. The decoder allocates what a length or a count asks for, up to
// hundreds of bytes for each element of a list, so a few bytes could ask for more memory than a machine has.
const (
	maxThriftDepth    = 24      // nesting of structs and lists; the format has about ten levels
	maxThriftElements = 500_000 // elements of all lists together; a column chunk has about ten
)

// errShort is the error for thrift data that continues after the available bytes.
var errShort = errors.New("thrift data is cut off")

// A thriftScan walks over data in thrift's compact protocol without decoding it.
type thriftScan struct {
	data     []byte
	at       int
	elements int
}

// thriftLength returns the number of bytes of the struct at the start of data. It returns an error if the struct is longer
// than data ([errShort]) or not worth decoding: too many elements, too deep, or not thrift.
func thriftLength(data []byte) (int, error) {
	s := thriftScan{data: data}
	err := s.fields(0)
	return s.at, err
}

// Types of the compact protocol.
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt32  = 5
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// fields walks over the fields of a struct.
func (s *thriftScan) fields(depth int) error {
	for {
		head, err := s.byte()
		if err != nil {
			return err
		}
		if head == thriftStop {
			return nil
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := s.varint(); err != nil {
				return err
			}
		}
		kind := head & 0x0f
		if kind == thriftTrue || kind == thriftFalse {
			continue // the type is the value
		}
		if err := s.value(kind, depth+1); err != nil {
			return err
		}
	}
}

// value walks over a value outside of the head of a field.
func (s *thriftScan) value(kind byte, depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("thrift data is nested more than %d deep", maxThriftDepth)
	}
	switch kind {
	case thriftTrue, thriftFalse, thriftByte:
		return s.skip(1)
	case thriftInt16, thriftInt32, thriftInt64:
		_, err := s.varint()
		return err
	case thriftDouble:
		return s.skip(8)
	case thriftBinary:
		n, err := s.varint()
		if err != nil {
			return err
		}
		return s.skip(n)
	case thriftList, thriftSet:
		return s.list(depth)
	case thriftMap:
		return s.mapping(depth)
	case thriftStruct:
		return s.fields(depth)
	}
	return fmt.Errorf("thrift type %d is unknown", kind)
}

func (s *thriftScan) list(depth int) error {
	head, err := s.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = s.varint(); err != nil {
			return err
		}
	}
	if err := s.count(n); err != nil {
		return err
	}
	for range n {
		if err := s.value(head&0x0f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *thriftScan) mapping(depth int) error {
	n, err := s.varint()
	if err != nil || n == 0 {
		return err
	}
	if err := s.count(n); err != nil {
		return err
	}
	kinds, err := s.byte()
	if err != nil {
		return err
	}
	for range n {
		if err := s.value(kinds>>4, depth+1); err != nil {
			return err
		}
		if err := s.value(kinds&0x0f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// count adds the elements of a list. An element has at least one byte.
func (s *thriftScan) count(n uint64) error {
	if n > maxThriftElements || s.elements+int(n) > maxThriftElements {
		return fmt.Errorf("thrift lists have more than %d elements", maxThriftElements)
	}
	s.elements += int(n)
	if n > uint64(len(s.data)-s.at) {
		return errShort
	}
	return nil
}

func (s *thriftScan) byte() (byte, error) {
	if s.at >= len(s.data) {
		return 0, errShort
	}
	s.at++
	return s.data[s.at-1], nil
}

func (s *thriftScan) varint() (uint64, error) {
	v, n := binary.Uvarint(s.data[s.at:])
	if n == 0 {
		return 0, errShort
	}
	if n < 0 {
		return 0, errors.New("a thrift number has more than 64 bits")
	}
	s.at += n
	return v, nil
}

func (s *thriftScan) skip(n uint64) error {
	if n > uint64(len(s.data)-s.at) {
		return errShort
	}
	s.at += int(n)
	return nil
}
