//go:build !linux || !cgo

package gpu

import "errors"

// Preload is implemented on Linux only. Other systems look for libraries in PATH.
func Preload(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	return errors.New("libraries can be loaded ahead on Linux only")
}
