package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A byteSize is the value of a flag that takes a number of bytes with a unit, such as 4GiB or 512M.
type byteSize int64

var byteUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40},
	{"B", 1},
}

// String returns the size as Set reads it.
func (b *byteSize) String() string {
	for _, i := range []int{3, 7, 2, 6, 1, 5, 0, 4} {
		if unit := int64(byteUnits[i].bytes); *b > 0 && int64(*b)%unit == 0 {
			return fmt.Sprintf("%d%s", int64(*b)/unit, byteUnits[i].name)
		}
	}
	if *b == 0 {
		return "0" // the default of a flag that is not printed
	}
	return strconv.FormatInt(int64(*b), 10) + "B"
}

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	number := strings.TrimRight(strings.TrimSpace(text), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	name := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), number))
	n, err := strconv.ParseFloat(number, 64)
	for _, unit := range byteUnits {
		if err == nil && strings.EqualFold(unit.name, name) && n > 0 && n*unit.bytes >= 1 && n*unit.bytes < math.MaxInt64 {
			*b = byteSize(n * unit.bytes)
			return nil
		}
	}
	return fmt.Errorf("want a size with a unit, such as 16GiB or 500MB")
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "size" }
