package fetch

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"w2s/internal/inputfile"
	"w2s/internal/progress"
	"w2s/internal/visible"
)

// A hubDownload downloads one file of a repository. It appends to a file that stays when the download ends early, so that
// another try, run or process resumes it.
type hubDownload struct {
	hub    *Hub
	ref    HubRef
	commit string
	file   hubFile
	part   string // path of the unfinished file
	task   progress.Task
}

// maxUnsized bounds the bytes of a file whose size neither the listing nor the answer gives.
const maxUnsized = 64 << 20

// errContent is about a download that is complete but wrong.
var errContent = errors.New("wrong content")

// run downloads the file to its part file and verifies it. The returned file has the size and the sha256 of the content.
func (d *hubDownload) run(ctx context.Context) (hubFile, error) {
	resumed := size(d.part) > 0
	verified, err := d.attempt(ctx)
	if errors.Is(err, errContent) {
		if rerr := os.Remove(d.part); rerr != nil && !errors.Is(rerr, os.ErrNotExist) {
			return hubFile{}, rerr
		}
		// The wrong bytes may be from an earlier run, or from a passing fault of a proxy: download once more from the start.
		verified, err = d.attempt(ctx)
		if errors.Is(err, errContent) {
			os.Remove(d.part)
			if resumed {
				return hubFile{}, fmt.Errorf("%w, twice, the second time after starting over", err)
			}
			return hubFile{}, fmt.Errorf("%w, twice (is there a proxy or mirror in between? see %s)", err, d.hub.setting())
		}
	}
	return verified, err
}

func (d *hubDownload) attempt(ctx context.Context) (hubFile, error) {
	err := d.hub.try(ctx, d.ref.String()+": "+d.file.label(), func() (int64, error) {
		before := size(d.part)
		err := d.transfer(ctx)
		return size(d.part) - before, err
	})
	if err != nil {
		return hubFile{}, err
	}
	return d.verify(ctx)
}

// transfer requests what the part file lacks and appends it.
func (d *hubDownload) transfer(ctx context.Context) error {
	offset := size(d.part)
	if d.file.Size >= 0 && offset > d.file.Size {
		if err := os.Truncate(d.part, 0); err != nil {
			return err
		}
		offset = 0
	}
	if d.file.Size == offset && (offset > 0 || exists(d.part)) {
		return nil
	}
	response, err := d.hub.get(ctx, d.address(), offset)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	host := response.Request.URL.Host
	flags := os.O_CREATE | os.O_WRONLY
	switch response.StatusCode {
	case http.StatusOK:
		flags |= os.O_TRUNC // the server does not resume
		offset = 0
	case http.StatusPartialContent:
		if start, ok := rangeStart(response.Header.Get("Content-Range")); !ok || start != offset {
			return fmt.Errorf("fetch: %s: %s: the server sent the range %q, want one from %d on", d.ref, d.file.label(), response.Header.Get("Content-Range"), offset)
		}
		flags |= os.O_APPEND
	case http.StatusRequestedRangeNotSatisfiable:
		if d.file.Size >= 0 {
			return fmt.Errorf("fetch: %s: %w: %s ends after %s, want %d", d.ref, errContent, d.file.label(), visible.Count(offset, "byte"), d.file.Size)
		}
		// The listing gave no size, and the part is as long as the file or longer: start over.
		if err := os.Truncate(d.part, 0); err != nil {
			return err
		}
		return transientError{err: fmt.Errorf("the server has no bytes from %d on", offset)}
	default:
		return d.hub.statusError(response, d.ref, d.file.label())
	}
	d.learn(response, offset)
	if length := response.ContentLength; length >= 0 && d.file.Size >= 0 && offset+length != d.file.Size {
		head, _ := io.ReadAll(io.LimitReader(response.Body, 512))
		return d.wrongLength(offset+length, head)
	}
	out, err := inputfile.OpenFile(d.part, flags, 0o644)
	if err != nil {
		return err
	}
	d.task.SetTotal(d.file.Size)
	whole := int64(maxUnsized)
	if d.file.Size >= 0 {
		whole = d.file.Size
	}
	limit := max(0, whole-offset) + 1 // one byte more, to notice that there is too much
	n, copyErr := io.Copy(markedWriter{out}, progress.Reader(io.LimitReader(response.Body, limit), d.task))
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return err
	}
	switch {
	case copyErr != nil && isWriteError(copyErr):
		return copyErr
	case copyErr != nil && !errors.Is(copyErr, io.ErrUnexpectedEOF):
		return transientError{err: copyErr}
	case d.file.Size < 0 && offset+n > maxUnsized:
		return fmt.Errorf("fetch: %s: %s sends more than %d bytes of %s and does not say how large it is: refused (see %s)",
			d.ref, host, maxUnsized, d.file.label(), d.hub.setting())
	case d.file.Size < 0 && copyErr != nil:
		return transientError{err: fmt.Errorf("%s: the connection ended after byte %d", host, offset+n)}
	case d.file.Size >= 0 && offset+n < d.file.Size:
		return transientError{err: fmt.Errorf("%s: the connection ended at byte %d of %d", host, offset+n, d.file.Size)}
	}
	return nil
}

// wrongLength returns the error about an answer that announces another total size than the listing. Resuming would not
// help. head is the first bytes of the answer.
func (d *hubDownload) wrongLength(length int64, head []byte) error {
	what := fmt.Sprintf("%s", visible.Count(length, "byte"))
	if kind := looksLike(head); kind != "" {
		what += ", " + kind
	}
	return fmt.Errorf("fetch: %s: %w: the server sends %s for %s, which has %d", d.ref, errContent, what, d.file.label(), d.file.Size)
}

// A markedWriter marks errors of writing, so that a full disk is not taken for a broken connection. It also hides the
// file's ReadFrom from io.Copy.
type markedWriter struct{ w io.Writer }

type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

func (w markedWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		err = writeError{err}
	}
	return n, err
}

func isWriteError(err error) bool {
	var w writeError
	return errors.As(err, &w)
}

// learn takes the size and the checksum from the answer's headers if the listing has none, as with some mirrors. The
// answer of a redirect has the linked file's checksum. The tags of a storage host are something else.
func (d *hubDownload) learn(response *http.Response, offset int64) {
	if d.file.Size < 0 && response.ContentLength >= 0 {
		d.file.Size = offset + response.ContentLength
	}
	if d.file.SHA256 != "" || d.file.GitSHA1 != "" {
		return
	}
	for r := response; r != nil; r = r.Request.Response {
		tag := r.Header.Get("X-Linked-Etag")
		if tag == "" && strings.HasPrefix(r.Request.URL.String(), d.hub.Endpoint+"/") {
			tag = r.Header.Get("Etag")
		}
		tag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
		switch {
		case len(tag) == 2*sha256.Size && isHex(tag):
			d.file.SHA256 = tag
			return
		case len(tag) == 2*sha1.Size && isHex(tag):
			d.file.GitSHA1 = tag
			return
		}
	}
}

// verify compares the part file with what the hub says about the file, and fills in the size and the sha256.
func (d *hubDownload) verify(ctx context.Context) (hubFile, error) {
	f := d.file
	got := size(d.part)
	if f.Size >= 0 && got != f.Size {
		return f, fmt.Errorf("fetch: %s: %s has at least %s, want %d: %w", d.ref, f.label(), visible.Count(got, "byte"), f.Size, errContent)
	}
	sum, gitSum, err := hashBlob(ctx, d.part)
	if err != nil {
		return f, err
	}
	switch {
	case f.SHA256 != "" && f.SHA256 != sum:
		err = fmt.Errorf("fetch: %s: %s has sha256 %s, want %s", d.ref, f.label(), sum, f.SHA256)
	case f.SHA256 == "" && f.GitSHA1 != "" && f.GitSHA1 != gitSum:
		err = fmt.Errorf("fetch: %s: %s has git blob id %s, want %s", d.ref, f.label(), gitSum, f.GitSHA1)
	case f.SHA256 == "" && f.GitSHA1 == "":
		return f, fmt.Errorf("fetch: %s: the server gives no checksum for %s, so it cannot be verified (see HF_ENDPOINT)", d.ref, f.label())
	}
	if err != nil {
		head, herr := ReadHead(d.part)
		if what := looksLike(head); herr == nil && what != "" {
			err = fmt.Errorf("%w (it is %s)", err, what)
		}
		return f, fmt.Errorf("%w: %w", err, errContent)
	}
	f.Size, f.SHA256 = got, sum
	return f, nil
}

// hashBlob returns a file's sha256 and its id as a git blob, both in hex.
func hashBlob(ctx context.Context, path string) (sum, git string, err error) {
	f, err := inputfile.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", "", err
	}
	var plain, blob hash.Hash = sha256.New(), sha1.New()
	fmt.Fprintf(blob, "blob %d\x00", info.Size())
	if _, err := io.Copy(io.MultiWriter(plain, blob), withContext(ctx, f)); err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(plain.Sum(nil)), hex.EncodeToString(blob.Sum(nil)), nil
}

// address returns the URL of the file.
func (d *hubDownload) address() string {
	repo, resolve := d.ref.Repo, "/resolve"
	if d.ref.GitHub {
		resolve = ""
	}
	if d.ref.Dataset {
		repo = "datasets/" + repo
	}
	elements := strings.Split(d.file.Path, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return fmt.Sprintf("%s/%s%s/%s/%s", d.hub.Endpoint, repo, resolve, d.commit, strings.Join(elements, "/"))
}

// rangeStart returns the first byte of a Content-Range header.
func rangeStart(header string) (int64, bool) {
	rest, ok := strings.CutPrefix(header, "bytes ")
	if !ok {
		return 0, false
	}
	start, _, _ := strings.Cut(rest, "-")
	n, err := strconv.ParseInt(start, 10, 64)
	return n, err == nil
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// size returns the number of bytes of a file, or 0 if there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
