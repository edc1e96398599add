//go:build linux && cgo

package gpu

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdlib.h>
// #include <string.h>
//
// // load returns the error, or NULL. dlerror tells it to the thread of dlopen only.
// static char *load(const char *path) {
// 	if (dlopen(path, RTLD_NOW | RTLD_GLOBAL) != NULL)
// 		return NULL;
// 	const char *fault = dlerror();
// 	return strdup(fault != NULL ? fault : "dlopen failed");
// }
import "C"

import (
	"fmt"
	"unsafe"
)

// Preload loads shared libraries, in this order, and keeps them. A library that is loaded later and needs one of them by its name gets
// it, whatever folder it is in.
func Preload(paths []string) error {
	for _, path := range paths {
		name := C.CString(path)
		fault := C.load(name)
		C.free(unsafe.Pointer(name))
		if fault != nil {
			defer C.free(unsafe.Pointer(fault))
			return fmt.Errorf("the library %s cannot be loaded: %s", path, C.GoString(fault))
		}
	}
	return nil
}
