package label

import "strconv"

// number writes a setting as a person would.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
