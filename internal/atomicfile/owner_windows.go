package atomicfile

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: a file takes the owner and the access list that its folder gives.
func keepOwner(*os.File, fs.FileInfo) {}
