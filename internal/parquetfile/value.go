package parquetfile

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"w2s/internal/half"
)

// Binary stands for bytes that are not text.
type Binary struct{}

// A converter turns a value of a column into what a JSON decoder would return: string, json.Number or bool, and Binary for
// bytes that are not UTF-8.
type converter func(v parquet.Value) any

// converterOf returns the converter of a column. The logical type decides if there is one: the physical type of a
// timestamp is a number, and that of a float16 is two bytes.
func converterOf(e *format.SchemaElement) converter {
	switch t := e.LogicalType.Value.(type) {
	case *format.Float16Type:
		return ofKind(parquet.FixedLenByteArray, float16)
	case *format.TimestampType:
		return ofKind(parquet.Int64, timestamp(t.Unit, t.IsAdjustedToUTC))
	case *format.TimeType:
		return timeOfDay(t.Unit)
	case *format.DateType:
		return ofKind(parquet.Int32, date)
	case *format.DecimalType:
		return decimal(t.Scale)
	case *format.UUIDType:
		return ofKind(parquet.FixedLenByteArray, uuid)
	case *format.IntType:
		if !t.IsSigned {
			return unsigned
		}
	}
	if e.LogicalType.Value == nil && e.ConvertedType.Valid {
		switch e.ConvertedType.V {
		case deprecated.TimestampMillis:
			return ofKind(parquet.Int64, timestamp(millis, true))
		case deprecated.TimestampMicros:
			return ofKind(parquet.Int64, timestamp(micros, true))
		case deprecated.TimeMillis:
			return timeOfDay(millis)
		case deprecated.TimeMicros:
			return timeOfDay(micros)
		case deprecated.Date:
			return ofKind(parquet.Int32, date)
		case deprecated.Decimal:
			return decimal(e.Scale.V)
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return unsigned
		}
	}
	return plain
}

var (
	millis = format.TimeUnit{Value: &format.MilliSeconds{}}
	micros = format.TimeUnit{Value: &format.MicroSeconds{}}
)

// ofKind applies a converter to values of a physical type, and plain to others, which a damaged schema may give.
func ofKind(kind parquet.Kind, c converter) converter {
	return func(v parquet.Value) any {
		if v.Kind() != kind {
			return plain(v)
		}
		return c(v)
	}
}

// plain converts a value by its physical type.
func plain(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return whole(int64(v.Int32()))
	case parquet.Int64:
		return whole(v.Int64())
	case parquet.Int96:
		return int96(v.Int96())
	case parquet.Float:
		return json.Number(strconv.FormatFloat(float64(v.Float()), 'g', -1, 32))
	case parquet.Double:
		return json.Number(strconv.FormatFloat(v.Double(), 'g', -1, 64))
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if b := v.ByteArray(); utf8.Valid(b) {
			return string(b)
		}
		return Binary{}
	}
	return nil
}

func whole(n int64) any { return json.Number(strconv.FormatInt(n, 10)) }

func unsigned(v parquet.Value) any {
	switch v.Kind() {
	case parquet.Int32:
		return json.Number(strconv.FormatUint(uint64(v.Uint32()), 10))
	case parquet.Int64:
		return json.Number(strconv.FormatUint(v.Uint64(), 10))
	}
	return plain(v)
}

func float16(v parquet.Value) any {
	b := v.ByteArray()
	if len(b) != 2 {
		return plain(v)
	}
	// Seven digits are enough to tell two float16 apart, and shorter than the exact value.
	return json.Number(strconv.FormatFloat(float64(half.Float16(binary.LittleEndian.Uint16(b))), 'g', -1, 32))
}

// timestamp writes a point in time as RFC 3339 does, without a zone if the column has local times.
func timestamp(unit format.TimeUnit, utc bool) converter {
	return func(v parquet.Value) any {
		if unit.Value == nil {
			return plain(v)
		}
		n, perSecond := v.Int64(), int64(time.Second/unit.Value.Duration())
		seconds, rest := n/perSecond, n%perSecond
		return instant(time.Unix(seconds, rest*int64(unit.Value.Duration())), utc)
	}
}

func instant(t time.Time, utc bool) any {
	layout := "2006-01-02T15:04:05.999999999"
	if utc {
		layout += "Z"
	}
	return t.UTC().Format(layout)
}

// int96 converts the old form of a timestamp: nanoseconds of the day, and the Julian day.
func int96(v deprecated.Int96) any {
	const unixEpoch = 2_440_588 // Julian day of 1970-01-01
	nanos := int64(uint64(v[1])<<32 | uint64(v[0]))
	return instant(time.Unix((int64(int32(v[2]))-unixEpoch)*24*60*60, nanos), true)
}

func timeOfDay(unit format.TimeUnit) converter {
	return func(v parquet.Value) any {
		var n int64
		switch {
		case unit.Value == nil:
			return plain(v)
		case v.Kind() == parquet.Int32:
			n = int64(v.Int32())
		case v.Kind() == parquet.Int64:
			n = v.Int64()
		default:
			return plain(v)
		}
		if day := int64(24 * time.Hour / unit.Value.Duration()); n < 0 || n >= day {
			return plain(v)
		}
		return time.Unix(0, n*int64(unit.Value.Duration())).UTC().Format("15:04:05.999999999")
	}
}

func date(v parquet.Value) any {
	return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().Format(time.DateOnly)
}

// decimal writes a number with a fixed number of places. It leaves out zeros at the end, so that a label is 1 and not 1.00.
func decimal(scale int32) converter {
	return func(v parquet.Value) any {
		var digits string
		switch v.Kind() {
		case parquet.Int32:
			digits = strconv.FormatInt(int64(v.Int32()), 10)
		case parquet.Int64:
			digits = strconv.FormatInt(v.Int64(), 10)
		case parquet.ByteArray, parquet.FixedLenByteArray:
			b := v.ByteArray()
			if len(b) > 64 {
				return Binary{} // no writer has decimals of 150 digits
			}
			n := new(big.Int).SetBytes(b)
			if len(b) > 0 && b[0]&0x80 != 0 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
			}
			digits = n.String()
		default:
			return plain(v)
		}
		if scale <= 0 || scale > 200 {
			return json.Number(digits)
		}
		sign := ""
		if rest, negative := strings.CutPrefix(digits, "-"); negative {
			sign, digits = "-", rest
		}
		if missing := int(scale) + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		point := len(digits) - int(scale)
		text := strings.TrimRight(digits[:point]+"."+digits[point:], "0")
		return json.Number(sign + strings.TrimSuffix(text, "."))
	}
}

func uuid(v parquet.Value) any {
	b := v.ByteArray()
	if len(b) != 16 {
		return plain(v)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
