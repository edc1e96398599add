//go:build !unix

package inputfile

const nonblocking = 0
