package vectorfile

import (
	"encoding/binary"
	"math"

	"w2s/internal/half"
)

// A dtype is a type of numbers in a file, little-endian.
type dtype struct {
	name string
	size int64                          // bytes of a number
	read func(b []byte, into []float32) // reads as many numbers as into takes
}

var (
	le = binary.LittleEndian

	float16 = dtype{"float16", 2, func(b []byte, into []float32) {
		for i := range into {
			into[i] = half.Float16(le.Uint16(b[2*i:]))
		}
	}}
	bfloat16 = dtype{"bfloat16", 2, func(b []byte, into []float32) {
		for i := range into {
			into[i] = half.BFloat16(le.Uint16(b[2*i:]))
		}
	}}
	float32s = dtype{"float32", 4, func(b []byte, into []float32) {
		for i := range into {
			into[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
	}}
	float64s = dtype{"float64", 8, func(b []byte, into []float32) {
		for i := range into {
			into[i] = float32(math.Float64frombits(le.Uint64(b[8*i:])))
		}
	}}
	int8s   = dtype{"int8", 1, func(b []byte, into []float32) { whole(b, into, 1, func(b []byte) int8 { return int8(b[0]) }) }}
	uint8s  = dtype{"uint8", 1, func(b []byte, into []float32) { whole(b, into, 1, func(b []byte) uint8 { return b[0] }) }}
	int16s  = dtype{"int16", 2, func(b []byte, into []float32) { whole(b, into, 2, func(b []byte) int16 { return int16(le.Uint16(b)) }) }}
	uint16s = dtype{"uint16", 2, func(b []byte, into []float32) { whole(b, into, 2, le.Uint16) }}
	int32s  = dtype{"int32", 4, func(b []byte, into []float32) { whole(b, into, 4, func(b []byte) int32 { return int32(le.Uint32(b)) }) }}
	uint32s = dtype{"uint32", 4, func(b []byte, into []float32) { whole(b, into, 4, le.Uint32) }}
	int64s  = dtype{"int64", 8, func(b []byte, into []float32) { whole(b, into, 8, func(b []byte) int64 { return int64(le.Uint64(b)) }) }}
	uint64s = dtype{"uint64", 8, func(b []byte, into []float32) { whole(b, into, 8, le.Uint64) }}
)

// whole reads whole numbers of size bytes.
func whole[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](b []byte, into []float32, size int, read func([]byte) T) {
	for i := range into {
		into[i] = float32(read(b[size*i:]))
	}
}

// safetensorsTypes are the types of safetensors that can be read, by the format's name.
var safetensorsTypes = map[string]dtype{
	"F16": float16, "BF16": bfloat16, "F32": float32s, "F64": float64s, "BOOL": uint8s,
	"I8": int8s, "U8": uint8s, "I16": int16s, "U16": uint16s, "I32": int32s, "U32": uint32s, "I64": int64s, "U64": uint64s,
}

// npyTypes are the types of NumPy that can be read, by the descr of a header.
var npyTypes = map[string]dtype{
	"<f2": float16, "<f4": float32s, "<f8": float64s, "|b1": uint8s,
	"|i1": int8s, "|u1": uint8s, "<i2": int16s, "<u2": uint16s, "<i4": int32s, "<u4": uint32s, "<i8": int64s, "<u8": uint64s,
}
