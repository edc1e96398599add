//go:build ignore

// Writes a Python wheel that puts a program on the PATH of the environment that it is installed in:
//
//	go run .ci/wheel.go VERSION PROGRAM FOLDER
//
// A wheel is a zip archive with the program, its metadata and a list of sha256 digests (the binary distribution format of the Python
// packaging specifications). Its name says the oldest glibc that the program needs, which is read from the program.
package main

import (
	"archive/zip"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("wheel: ")
	if len(os.Args) != 4 {
		log.Fatal("usage: go run .ci/wheel.go VERSION PROGRAM FOLDER")
	}
	version, program := strings.TrimPrefix(os.Args[1], "v"), os.Args[2]
	if !regexp.MustCompile(`^\d+(\.\d+)*((a|b|rc)\d+)?$`).MatchString(version) {
		log.Fatalf("version %q: want numbers as Python has them, such as v0.1.0 or v0.2.0rc1", os.Args[1])
	}
	platform, err := platformOf(program)
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(os.Args[3], fmt.Sprintf("w2s-%s-py3-none-%s.whl", version, platform))
	if err := write(path, version, platform, program); err != nil {
		log.Fatal(err)
	}
	fmt.Println(path)
}

// platformOf returns the platform tag of a Linux program: the oldest glibc that has all the symbols it imports.
func platformOf(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", fmt.Errorf("%w (wheels are built on Linux)", err)
	}
	defer f.Close()
	machine := map[elf.Machine]string{elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "aarch64"}[f.Machine]
	if machine == "" {
		return "", fmt.Errorf("%s: no platform tag for %s", program, f.Machine)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return "", err
	}
	minor := 17 // of glibc 2; the oldest that installers know for both machines
	for _, s := range symbols {
		if text, ok := strings.CutPrefix(s.Version, "GLIBC_2."); ok {
			text, _, _ = strings.Cut(text, ".")
			n, err := strconv.Atoi(text)
			if err != nil {
				return "", fmt.Errorf("symbol %s has version %s", s.Name, s.Version)
			}
			minor = max(minor, n)
		}
	}
	return fmt.Sprintf("manylinux_2_%d_%s", minor, machine), nil
}

func write(path, version, platform, program string) error {
	binary, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	info, record := fmt.Sprintf("w2s-%s.dist-info/", version), ""
	add := func(name string, mode os.FileMode, content []byte) error {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)} // the same bytes each time
		h.SetMode(mode)
		w, err := archive.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		sum := sha256.Sum256(content)
		record += fmt.Sprintf("%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
		return err
	}
	metadata := fmt.Sprintf(`Metadata-Version: 2.4
Name: w2s
Version: %s
Summary: Weak-to-strong generalization on real pretrained checkpoints
License-File: LICENSE
Description-Content-Type: text/markdown

%s`, version, readme)
	wheel := fmt.Sprintf("Wheel-Version: 1.0\nGenerator: w2s .ci/wheel.go\nRoot-Is-Purelib: false\nTag: py3-none-%s\n", platform)
	for _, f := range []struct {
		name    string
		mode    os.FileMode
		content []byte
	}{
		{fmt.Sprintf("w2s-%s.data/scripts/w2s", version), 0o755, binary},
		{info + "licenses/LICENSE", 0o644, licence},
		{info + "METADATA", 0o644, []byte(metadata)},
		{info + "WHEEL", 0o644, []byte(wheel)},
	} {
		if err := add(f.name, f.mode, f.content); err != nil {
			return err
		}
	}
	if err := add(info+"RECORD", 0o644, []byte(record+info+"RECORD,,\n")); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return out.Close()
}
