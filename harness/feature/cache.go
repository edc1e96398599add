package feature

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
)

// A Cache keeps feature vectors in a folder, so that every text is encoded once for every encoder:
//
//	DIR/KEY/header.json         the encoder: format, key, dims
//	DIR/KEY/about.json          names of the model and of tasks; see about.go
//	DIR/KEY/rows-HOST-SLOT.bin  rows of one size with text id, vector and checksum; see rows.go
//	DIR/.locks/                 locks of processes that write to a part or use it
//
// Each vector is written to a file before the encoder makes the next one. A process that is killed loses only the vectors
// that its encoder had not emitted yet. Checksums reveal torn and damaged rows, which are reported and encoded again. Any
// number of processes may use a folder, and processes that encode the same texts at the same time use each other's rows. Rows
// files from other machines can be copied into the folder of their key.
//
// A folder that cannot be written is still read. Missing texts are then encoded without being stored (Features, with a
// warning), or are an error (Fill).
//
// A Cache is safe for use by several goroutines. A nil *Cache stores nothing and encodes everything.
type Cache struct {
	dir    string
	mu     sync.Mutex
	spaces map[string]*space
	uses   map[string]*flock.Flock // shared locks of the parts that this process uses, by folder

	mappings mappings
	mapFrom  int // bytes
}

// A space is the part of a cache that belongs to one encoder.
type space struct {
	key      string
	dir      string
	layout   layout
	encoding chan struct{} // full while a goroutine encodes; the next one waits and then finds the rows
	mu       sync.Mutex    // guards the fields below
	index    *index
	written  []writtenFile // files that this process has written to
	stored   int           // least number of texts that must be stored because of that
	warned   int           // number of damages that were reported
}

// Open returns the cache in a folder. The folder is made when there is something to store.
func Open(dir string) (*Cache, error) {
	if dir == "" {
		return nil, errors.New("feature: cache: no folder given")
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("feature: cache: %s is not a folder", dir)
	}
	return &Cache{dir: dir, spaces: map[string]*space{}, uses: map[string]*flock.Flock{}, mapFrom: mapFrom}, nil
}

// Dir returns the cache's folder, or "" for a nil Cache.
func (c *Cache) Dir() string {
	if c == nil {
		return ""
	}
	return c.dir
}

// A Summary reports what a call did. Texts = Cached + Encoded + Duplicates.
type Summary struct {
	Texts      int
	Cached     int // distinct texts whose vectors were stored before
	Encoded    int // distinct texts that the call encoded
	Duplicates int // texts that repeat an earlier one
	Truncated  int // texts, including repeated ones, that had more tokens than the encoder takes
	Tokens     int // tokens that the call fed to the model
	Warnings   []string
}

// A Report is called as encoding proceeds, with the number of missing texts that are done, the total number of missing texts,
// and the tokens so far. It may be nil.
type Report = func(done, total, tokens int)

// Features returns the vectors of texts in their order. It encodes and stores those that the cache does not have, each distinct
// text once. If ctx ends or the encoder fails, what was encoded so far remains stored.
func (c *Cache) Features(ctx context.Context, enc Encoder, texts []string, report Report) (*Matrix, Summary, error) {
	if err := checkEncoder(enc); err != nil {
		return nil, Summary{}, err
	}
	r := c.run(ctx, enc, newRequest(texts).forMatrix(enc.Dims(), c.mappingsFor(enc, len(texts))), report)
	err := r.do()
	if err != nil {
		return nil, r.sum, err
	}
	if r.space != nil && r.matrix.mapped != nil {
		r.space.dropIndex(len(r.ids))
	}
	return r.features(), r.sum, nil
}

// mappingsFor returns where rows are mapped for a matrix of n vectors, or nil if they are copied.
func (c *Cache) mappingsFor(enc Encoder, n int) *mappings {
	if c == nil || isLookup(enc) || n*enc.Dims()*4 < c.mapFrom || !newLayout(enc.Key(), enc.Dims()).canMap() {
		return nil
	}
	return &c.mappings
}

// Fill encodes and stores texts like Features but does not return the vectors, so memory does not grow with their length. If
// vectors cannot be stored, it fails before it encodes anything. It also fails if the disk becomes full.
func (c *Cache) Fill(ctx context.Context, enc Encoder, texts []string, report Report) (Summary, error) {
	if c == nil {
		return Summary{}, errors.New("feature: cache: there is no cache to fill")
	}
	if err := checkEncoder(enc); err != nil {
		return Summary{}, err
	}
	r := c.run(ctx, enc, newRequest(texts), report)
	err := r.do()
	return r.sum, err
}

// Missing returns the number of distinct texts that the cache does not have. A [Lookup] never misses any.
func (c *Cache) Missing(enc Encoder, texts []string) (int, error) {
	if err := checkEncoder(enc); err != nil {
		return 0, err
	}
	if isLookup(enc) {
		return 0, nil
	}
	ask := newRequest(texts)
	if c == nil {
		return len(ask.ids), nil
	}
	s, err := c.space(enc)
	if err != nil {
		return 0, err
	}
	_, missing, err := s.split(ask.ids, nil, nil)
	return len(missing), err
}

func isLookup(enc Encoder) bool {
	_, ok := enc.(Lookup)
	return ok
}

func checkEncoder(enc Encoder) error {
	if enc.Key() == "" {
		return errors.New("feature: the encoder has no key (it must name all that changes a vector)")
	}
	if d := enc.Dims(); d < 1 || d > 1<<20 {
		return fmt.Errorf("feature: the encoder's vectors have %d dimensions", d)
	}
	return nil
}

func (c *Cache) run(ctx context.Context, enc Encoder, ask *request, report Report) *run {
	if isLookup(enc) {
		c = nil
	}
	r := &run{ctx: ctx, cache: c, enc: enc, request: ask, report: report, truncated: make([]bool, len(ask.ids))}
	r.sum = Summary{Texts: len(ask.unique), Duplicates: len(ask.unique) - len(ask.ids)}
	return r
}

// space returns the part of the cache that belongs to an encoder, after checking its header.
func (c *Cache) space(enc Encoder) (*space, error) {
	key, dims := enc.Key(), enc.Dims()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.spaces[key]; ok {
		if have := s.layout.dims; have != dims {
			return nil, mismatch(s.dir, key, have, dims)
		}
		return s, nil
	}
	folder := filepath.Join(c.dir, folderName(key))
	if err := checkHeader(folder, header{Format: cacheFormat, Key: key, Dims: dims}); err != nil {
		return nil, err
	}
	s := &space{key: key, dir: folder, layout: newLayout(key, dims), encoding: make(chan struct{}, 1)}
	s.index = newIndex(s.dir, s.layout)
	c.spaces[key] = s
	return s, nil
}

// split returns which of the wanted texts are stored and which are missing. wanted holds indices of ids; nil stands for all. If read is not
// nil, split calls it with the index and the places of the stored texts in it, before another goroutine can change the index.
func (s *space) split(ids []textID, wanted []int, read func(x *index, stored []wish) error) (stored []wish, missing []int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.index.refresh(); err != nil {
		return nil, nil, err
	}
	look := func(u int) {
		if p, ok := s.index.places[ids[u]]; ok {
			stored = append(stored, wish{id: ids[u], place: p, unique: u})
		} else {
			missing = append(missing, u)
		}
	}
	if wanted == nil {
		for u := range ids {
			look(u)
		}
	}
	for _, u := range wanted {
		look(u)
	}
	if read != nil {
		err = read(s.index, stored)
	}
	return stored, missing, err
}

// texts returns the number of texts that the index has.
func (s *space) texts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.index.places)
}

// wrote records how many texts are stored, and the files to which this process has written them.
func (s *space) wrote(stored int, files []writtenFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored = max(s.stored, stored)
	s.written = append(s.written, files...)
}

// check returns an error if texts that were stored are not there any more.
func (s *space) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.written, writtenFile.changed) {
		return nil
	}
	// Another process may have compacted the folder.
	x := newIndex(s.dir, s.layout)
	if err := x.refresh(); err != nil {
		return err
	}
	if lost := s.stored - len(x.places); lost > 0 {
		return fmt.Errorf("feature: cache: %s: at least %d stored vectors are gone (leave the cache folder alone while w2s runs; "+
			"the same command encodes them again)", s.dir, lost)
	}
	return nil
}

// Check returns an error if vectors that this process has stored are not there any more, because the folder was removed, moved
// or replaced.
func (c *Cache) Check() error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	spaces := slices.Collect(maps.Values(c.spaces))
	c.mu.Unlock()
	slices.SortFunc(spaces, func(a, b *space) int { return cmp.Compare(a.dir, b.dir) })
	var faults []error
	for _, s := range spaces {
		faults = append(faults, s.check())
	}
	return errors.Join(faults...)
}

// forget drops the index, so that the files are read again.
func (s *space) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index = newIndex(s.dir, s.layout)
	s.warned = 0
}

// dropIndex frees the memory of the index after n texts of it were read, if they are at least half of its texts. The next call that
// needs it reads the files again.
func (s *space) dropIndex(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if 2*n >= len(s.index.places) && len(s.index.damage) == 0 { // damage is reported once
		s.index = newIndex(s.dir, s.layout)
	}
}

// warnings describes the damage that was not reported yet.
func (s *space) warnings() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.index.damage[min(s.warned, len(s.index.damage)):]
	s.warned = len(s.index.damage)
	return describeDamage(s.dir, found)
}

// describeDamage returns one line for each damaged file.
func describeDamage(dir string, damage []Damage) []string {
	byFile := map[string][]Damage{}
	var names []string
	for _, d := range damage {
		if byFile[d.File] == nil {
			names = append(names, d.File)
		}
		byFile[d.File] = append(byFile[d.File], d)
	}
	var lines []string
	for _, name := range names {
		line := "feature: cache: " + filepath.Join(dir, byFile[name][0].String())
		if n := len(byFile[name]); n > 1 {
			line += fmt.Sprintf(", and %d more", n-1)
		}
		lines = append(lines, line+"; damaged rows are not used, and their texts are encoded again (compacting the cache drops them)")
	}
	return lines
}
