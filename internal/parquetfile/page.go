package parquetfile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"w2s/internal/visible"
)

// maxPageHeader bounds the header of a page. It can hold the least and the greatest value of the page.
const maxPageHeader = 1 << 20

// valueBytes is the memory that the decoder takes for a value of a page beside its bytes: levels, and a place or an index.
const valueBytes = 16

// checkChunk reads the pages of a column chunk and checks what the decoder trusts: sizes, and numbers of values. It returns
// the most memory that the decoder can take for one page and the dictionary.
func (f *File) checkChunk(column *node, chunk *format.ColumnMetaData) (memory int64, err error) {
	start := chunk.DataPageOffset
	if chunk.DictionaryPageOffset != 0 {
		start = chunk.DictionaryPageOffset
	}
	var page, dictionary, values int64
	for at, end := start, start+chunk.TotalCompressedSize; at < end; {
		header, length, err := f.pageHeader(at, end)
		if err != nil {
			return 0, fmt.Errorf("page at byte %d: %w", at, err)
		}
		at += length
		n, err := pageValues(header)
		if err == nil {
			err = f.checkPageSize(header, end-at, n)
		}
		var body []byte
		if err == nil {
			body = make([]byte, header.CompressedPageSize)
			_, err = f.r.ReadAt(body, at)
		}
		if err == nil {
			err = f.checkPage(column, chunk.Codec, header, body, n)
		}
		if err != nil {
			return 0, fmt.Errorf("page at byte %d: %w", at-length, err)
		}
		at += int64(header.CompressedPageSize)
		takes := int64(header.CompressedPageSize) + 2*int64(header.UncompressedPageSize) + valueBytes*n
		if header.Type == format.DictionaryPage {
			dictionary = max(dictionary, takes)
		} else {
			page = max(page, takes)
			values += n
		}
	}
	if values != chunk.NumValues {
		return 0, fmt.Errorf("its pages have %s, and the footer says %d", visible.Count(values, "value"), chunk.NumValues)
	}
	return page + dictionary, nil
}

// pageHeader decodes the header of the page at a byte of the file.
func (f *File) pageHeader(at, end int64) (*format.PageHeader, int64, error) {
	for size := int64(1 << 10); ; size = min(16*size, maxPageHeader) {
		size = min(size, end-at)
		if int64(cap(f.head)) < size {
			f.head = make([]byte, size)
		}
		data := f.head[:size]
		if _, err := f.r.ReadAt(data, at); err != nil {
			return nil, 0, err
		}
		n, err := thriftLength(data)
		if errors.Is(err, errShort) && size < min(end-at, maxPageHeader) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		header := new(format.PageHeader)
		return header, int64(n), thrift.Unmarshal(new(thrift.CompactProtocol), data[:n], header)
	}
}

// pageValues returns the number of values of a page.
func pageValues(h *format.PageHeader) (int64, error) {
	switch {
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		return int64(h.DataPageHeader.V.NumValues), nil
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		return int64(h.DataPageHeaderV2.V.NumValues), nil
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		return int64(h.DictionaryPageHeader.V.NumValues), nil
	}
	return 0, fmt.Errorf("it has the type %d and no header of that type", h.Type)
}

// checkPageSize checks the numbers in the header of a page; left is the number of bytes of the chunk after the header.
func (f *File) checkPageSize(h *format.PageHeader, left, values int64) error {
	switch {
	case h.CompressedPageSize < 0 || int64(h.CompressedPageSize) > left:
		return fmt.Errorf("it has %s, and its chunk ends after %d", visible.Count(h.CompressedPageSize, "byte"), left)
	case h.UncompressedPageSize < 0 || values < 0:
		return fmt.Errorf("it has %s in %s", visible.Count(values, "value"), visible.Count(h.UncompressedPageSize, "byte"))
	}
	if takes := int64(h.CompressedPageSize) + 2*int64(h.UncompressedPageSize) + valueBytes*values; takes > f.limits.Memory {
		return f.memoryError(takes)
	}
	return nil
}

// checkPage unpacks a page and checks that its values decode to what its header says.
func (f *File) checkPage(column *node, codec format.CompressionCodec, h *format.PageHeader, body []byte, values int64) error {
	size := int64(h.UncompressedPageSize)
	if h.Type == format.DataPageV2 {
		return f.checkPageV2(column, codec, h, body, values)
	}
	body, err := f.unpack(codec, body, size)
	if err != nil {
		return err
	}
	if h.Type == format.DictionaryPage {
		if width := leastWidth(column.element); values*width > int64(len(body)) {
			return fmt.Errorf("its dictionary has %s, too few for %s", visible.Count(len(body), "byte"), visible.Count(values, "value"))
		}
		return nil
	}
	d := &h.DataPageHeader.V
	present := values
	for _, level := range []struct {
		most     int
		encoding format.Encoding
		defines  bool
	}{{column.rep, d.RepetitionLevelEncoding, false}, {column.def, d.DefinitionLevelEncoding, true}} {
		if level.most == 0 {
			continue
		}
		if len(body) < 4 {
			return errEncoding
		}
		n := int64(binary.LittleEndian.Uint32(body))
		if body = body[4:]; n > int64(len(body)) {
			return errEncoding
		}
		if level.encoding != format.RLE {
			return fmt.Errorf("its levels have the encoding %s, which is not read", level.encoding)
		}
		found, err := countLevels(body[:n], levelWidth(level.most), values, level.most)
		if err != nil {
			return fmt.Errorf("levels: %w", err)
		}
		if level.defines {
			present = found
		}
		body = body[n:]
	}
	return f.checkValues(column, d.Encoding, body, present)
}

func (f *File) checkPageV2(column *node, codec format.CompressionCodec, h *format.PageHeader, body []byte, values int64) error {
	d := &h.DataPageHeaderV2.V
	rep, def := int64(d.RepetitionLevelsByteLength), int64(d.DefinitionLevelsByteLength)
	if rep < 0 || def < 0 || rep+def > int64(len(body)) || d.NumNulls < 0 || int64(d.NumNulls) > values || d.NumRows < 0 {
		return errors.New("the sizes in its header contradict each other")
	}
	if column.rep > 0 {
		if err := countRuns(body[:rep], levelWidth(column.rep), values); err != nil {
			return fmt.Errorf("levels: %w", err)
		}
	}
	present := values
	if column.def > 0 {
		var err error
		if present, err = countLevels(body[rep:rep+def], levelWidth(column.def), values, column.def); err != nil {
			return fmt.Errorf("levels: %w", err)
		}
	}
	if err := wantValues(present, values-int64(d.NumNulls)); err != nil {
		return err
	}
	body = body[rep+def:]
	if !d.IsCompressed.Valid || d.IsCompressed.V {
		var err error
		if body, err = f.unpack(codec, body, int64(h.UncompressedPageSize)-rep-def); err != nil {
			return err
		}
	}
	return f.checkValues(column, d.Encoding, body, present)
}

// checkValues checks that encoded values decode to the number of values that are not null, and no more memory than allowed.
func (f *File) checkValues(column *node, encoding format.Encoding, data []byte, values int64) error {
	fixed := int64(column.element.TypeLength.V)
	switch encoding {
	case format.Plain:
		if column.element.Type.V == format.ByteArray {
			return countTexts(data, values)
		}
	case format.PlainDictionary, format.RLEDictionary:
		if len(data) == 0 {
			return nil
		}
		return countRuns(data[1:], int(data[0]), values)
	case format.RLE: // booleans
		if len(data) < 4 {
			return nil
		}
		n := int64(binary.LittleEndian.Uint32(data))
		if n > int64(len(data)-4) {
			return errEncoding
		}
		return countRuns(data[4:4+n], 1, values)
	case format.DeltaBinaryPacked:
		// The values are no lengths, so only their number matters.
		return deltaCount(data, values)
	case format.DeltaLengthByteArray:
		sum, rest, err := deltas(data, values)
		if err == nil && sum > int64(len(rest)) {
			err = errEncoding
		}
		return err
	case format.DeltaByteArray:
		// A value repeats the beginning of the one before, so a few bytes can stand for many long texts.
		prefixes, rest, err := deltas(data, values)
		if err != nil {
			return err
		}
		suffixes, rest, err := deltas(rest, values)
		if err == nil && suffixes > int64(len(rest)) {
			err = errEncoding
		}
		if err == nil && prefixes+suffixes > f.limits.Memory {
			err = f.memoryError(prefixes + suffixes)
		}
		return err
	}
	if fixed > 0 && fixed*values > f.limits.Memory {
		return f.memoryError(fixed * values)
	}
	return nil
}

// deltaCount checks the number of values in the header of a binary packed delta encoding.
func deltaCount(data []byte, most int64) error {
	for i := range 3 {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return errEncoding
		}
		if i == 2 && v > uint64(most+slack) {
			return errTooMany(most)
		}
		data = data[n:]
	}
	return nil
}

// leastWidth returns the smallest number of bytes that a value of a column takes in a dictionary.
func leastWidth(e *format.SchemaElement) int64 {
	switch e.Type.V {
	case format.Boolean:
		return 0
	case format.Int64, format.Double:
		return 8
	case format.Int96:
		return 12
	case format.FixedLenByteArray:
		return int64(e.TypeLength.V)
	}
	return 4 // a number, or the length of a text
}

// unpack decompresses a page to at most size bytes. The decoder would go on for as long as the data lasts.
func (f *File) unpack(codec format.CompressionCodec, data []byte, size int64) ([]byte, error) {
	if size < 0 {
		return nil, errors.New("the sizes in its header contradict each other")
	}
	var out []byte
	var err error
	switch codec {
	case format.Uncompressed:
		out = data
	case format.Snappy:
		var n int
		if n, err = snappy.DecodedLen(data); err == nil && int64(n) <= size {
			out, err = snappy.Decode(make([]byte, n), data)
		} else if err == nil {
			return nil, errUnpacked(size)
		}
	case format.Gzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			out, err = readMost(z, size)
		}
	case format.Brotli:
		out, err = readMost(brotli.NewReader(bytes.NewReader(data)), size)
	case format.Zstd:
		if f.zstd == nil {
			// The limit also holds for the size that a frame states, which the decoder allocates.
			if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(f.limits.Memory))); err != nil {
				return nil, err
			}
		}
		out, err = f.zstd.DecodeAll(data, make([]byte, 0, size))
	case format.Lz4Raw:
		out = make([]byte, size)
		var n int
		if n, err = lz4.UncompressBlock(data, out); err == nil {
			out = out[:n]
		}
	default:
		return nil, fmt.Errorf("its compression %s is not read (write the file with snappy, gzip or zstd)", codec)
	}
	if err != nil {
		return nil, fmt.Errorf("unpacking it: %w", err)
	}
	if int64(len(out)) > size {
		return nil, errUnpacked(size)
	}
	return out, nil
}

func errUnpacked(size int64) error {
	return fmt.Errorf("it unpacks to more than the %s that its header states", visible.Count(size, "byte"))
}

// readMost reads at most one byte more than size.
func readMost(r io.Reader, size int64) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead+1))
	_, err := out.ReadFrom(io.LimitReader(r, size+1))
	return out.Bytes(), err
}
