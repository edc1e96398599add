package fetch

import "os/exec"

// ownGroup does nothing: exec's own way of ending a process is the one there is.
func ownGroup(*exec.Cmd) {}
