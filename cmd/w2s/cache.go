package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/feature"
	"w2s/harness/table"
	"w2s/internal/progress"
	"w2s/internal/visible"
)

// featuresFolder is the folder of the feature cache in the cache folder.
const featuresFolder = "features"

func newCacheCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "List, verify, repair, merge, prune and remove parts of the feature cache",
		Long: `The feature cache holds a vector for every text and encoder. The vectors of one
encoder are in features/KEY in the cache folder, where KEY is a digest of all
that changes a vector. Every row has a checksum. Damaged rows are never used;
their texts are encoded again.`,
		Example: `  w2s cache list
  w2s cache verify
  w2s cache compact --model e5-small-v2
  w2s cache merge /mnt/node1/cache /mnt/node2/cache
  w2s cache prune --cache-limit 20GiB
  w2s cache remove --model ./old-checkpoint`,
	}
	c.AddCommand(newCacheList(a), newCacheVerify(a), newCacheCompact(a), newCacheMerge(a), newCachePrune(a), newCacheRemove(a))
	return c
}

// A partChoice chooses parts of the cache by the beginnings of their keys and by checkpoints.
type partChoice struct{ models []string }

func (p *partChoice) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&p.models, "model", nil, "choose the part of this `checkpoint` (repeatable)")
}

// parts returns the chosen parts, or all parts if neither keys nor checkpoints are given.
func (p *partChoice) parts(ctx context.Context, a *app, cache *feature.Cache, keys []string) ([]feature.Part, error) {
	all, err := cache.List()
	if err != nil || len(keys)+len(p.models) == 0 {
		return all, err
	}
	var chosen []feature.Part
	var faults []error
	add := func(what string, found []feature.Part) {
		switch {
		case what == "":
			faults = append(faults, usagef("a key is empty"))
		case len(found) == 0:
			faults = append(faults, fmt.Errorf("%s: nothing in %s (w2s cache list shows what is there)", what, cache.Dir()))
		case len(found) > 1:
			faults = append(faults, usagef("%s: the keys of %d parts begin with it", what, len(found)))
		case !slices.ContainsFunc(chosen, func(c feature.Part) bool { return c.Folder == found[0].Folder }):
			chosen = append(chosen, found[0])
		}
	}
	for _, key := range keys {
		add(key, slices.DeleteFunc(slices.Clone(all), func(f feature.Part) bool { return !strings.HasPrefix(f.Folder, key) }))
	}
	models, err := a.models(ctx, p.models)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		add(m.Name, slices.DeleteFunc(slices.Clone(all), func(f feature.Part) bool { return f.Key != m.Encoder.Key() }))
	}
	return chosen, errors.Join(faults...)
}

// each calls do for every chosen part. If it fails for one, it is still called for the others.
func (p *partChoice) each(ctx context.Context, a *app, keys []string, do func(*feature.Cache, feature.Part) error) error {
	cache, err := a.features()
	if err != nil {
		return err
	}
	parts, err := p.parts(ctx, a, cache, keys)
	if err != nil {
		return err
	}
	var faults []error
	for _, part := range parts {
		if err := do(cache, part); err != nil {
			faults = append(faults, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(faults...)
}

// features opens the feature cache of the cache folder.
func (a *app) features() (*feature.Cache, error) {
	c, err := a.catalog()
	if err != nil {
		return nil, err
	}
	return openFeatures(c)
}

// A cachePart is a row of w2s cache list.
type cachePart struct {
	Model    string   `json:"model,omitempty"`
	Tasks    []string `json:"tasks,omitempty"`
	Key      string   `json:"key"`
	Dims     int      `json:"dims"`
	Rows     int64    `json:"rows"`
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Modified string   `json:"modified"`
	Used     string   `json:"used"`
	Fault    string   `json:"fault,omitempty"`
}

// partName names a part of the cache by its model, if that is known, and the beginning of its key.
func partName(p feature.Part) string {
	if p.Model == "" {
		return p.Folder
	}
	return fmt.Sprintf("%s (%s)", visible.Name(p.Model), p.Folder[:min(8, len(p.Folder))])
}

// partTasks names the tasks of a part of the cache, up to a few.
func partTasks(p feature.Part) string {
	const most = 4
	if n := len(p.Tasks) - most; n > 0 {
		return visible.Line(strings.Join(p.Tasks[:most], ", ")) + fmt.Sprintf(" and %d more", n)
	}
	return visible.Line(strings.Join(p.Tasks, ", "))
}

func newCacheList(a *app) *cobra.Command {
	var choice partChoice
	var asJSON bool
	c := &cobra.Command{
		Use:   "list [KEY...]",
		Short: "List the checkpoints and layers in the feature cache, with tasks, rows and sizes",
		Long: `Lists what each checkpoint and each layer takes, under the name that it was used
with last, and the tasks that it was used with. Vectors that were stored by
another version of w2s, or copied here, have no names until they are used.`,
		Example: `  w2s cache list
  w2s cache list --model e5-small-v2 --json`,
		Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, keys []string) error {
			cache, err := a.features()
			if err != nil {
				return err
			}
			parts, err := choice.parts(ctx, a, cache, keys)
			if err != nil {
				return err
			}
			rows := []cachePart{}
			t := &table.Table{Columns: []table.Column{{Name: "model"}, {Name: "tasks"}, {Name: "dims", Numeric: true}, {Name: "rows", Numeric: true},
				{Name: "files", Numeric: true}, {Name: "size", Numeric: true}, {Name: "last used"}, {Name: "key"}}}
			slices.SortStableFunc(parts, func(a, b feature.Part) int { return cmp.Compare(a.Model, b.Model) })
			var total int64
			for _, p := range parts {
				total += p.Bytes
				row := cachePart{Model: p.Model, Tasks: p.Tasks, Key: p.Folder, Dims: p.Dims, Rows: p.Rows, Files: p.Files, Bytes: p.Bytes,
					Modified: p.Modified.UTC().Format("2006-01-02 15:04"), Used: p.Used.UTC().Format("2006-01-02 15:04")}
				if p.Fault != nil {
					row.Fault = plain(p.Fault.Error())
					t.Notes = append(t.Notes, plain(withRemedy(p.Fault, p.Folder).Error()))
				}
				rows = append(rows, row)
				t.Add(cmp.Or(visible.Name(p.Model), "–"), cmp.Or(partTasks(p), "–"), fmt.Sprint(row.Dims), fmt.Sprint(row.Rows), fmt.Sprint(row.Files), size(row.Bytes), row.Used, row.Key)
			}
			if asJSON {
				return a.printJSON(rows)
			}
			t.Notes = append(t.Notes, fmt.Sprintf("%s in %s, %s", visible.Count(len(parts), "encoder"), cache.Dir(), size(total)))
			return table.Write(a.out, table.Style{Format: "text"}, t)
		}),
	}
	choice.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newCacheVerify(a *app) *cobra.Command {
	var choice partChoice
	c := &cobra.Command{
		Use:   "verify [KEY...]",
		Short: "Check every row, and name what is damaged",
		Long: `Checks every row against its checksum. Names damage by file and row, and fails
if there is any. Damage costs only time: the texts of damaged rows are encoded
again when they are needed.`,
		Example: `  w2s cache verify
  w2s cache verify --model e5-small-v2`,
		Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, keys []string) error {
			return choice.each(ctx, a, keys, func(cache *feature.Cache, p feature.Part) error {
				health, err := cache.Verify(p.Folder)
				switch {
				case err != nil:
					return withRemedy(err, p.Folder)
				case !health.Sound():
					faults := healthFaults(filepath.Join(cache.Dir(), p.Folder), health)
					return errors.Join(append(faults, fmt.Errorf("%s: %s (w2s cache compact %s drops them; their texts are encoded again)",
						partName(p), featureFaults(health), p.Folder))...)
				}
				fmt.Fprintf(a.out, "%s: good: %s, %s\n", partName(p), visible.Count(health.Texts, "text"), visible.Count(health.Repeated, "repeated row"))
				return nil
			})
		}),
	}
	choice.register(c.Flags())
	return c
}

// remedy says what to do about a part of the cache that cannot be read.
func remedy(err error, folder string) string {
	switch {
	case errors.Is(err, feature.ErrHeader):
		return "w2s cache compact " + folder + " restores it from its rows"
	case errors.Is(err, fs.ErrPermission):
		return "give this user the right to read it, or use another cache folder (--cache)"
	case errors.Is(err, feature.ErrInUse):
		return "wait until it ends"
	}
	return "w2s cache remove " + folder + " deletes it; its texts are then encoded again"
}

func withRemedy(err error, folder string) error {
	return fmt.Errorf("%w (%s)", err, remedy(err, folder))
}

// healthFaults names the damage of the part in folder dir, up to 20 damaged places.
func healthFaults(dir string, h feature.Health) []error {
	const limit = 20
	var faults []error
	for i, d := range h.Damaged {
		if i == limit {
			faults = append(faults, fmt.Errorf("%s: %d more damaged places", dir, len(h.Damaged)-limit))
			break
		}
		faults = append(faults, errors.New(filepath.Join(dir, d.String())))
	}
	for _, name := range h.Torn {
		faults = append(faults, fmt.Errorf("%s: ends within a row (its writer was stopped)", filepath.Join(dir, name)))
	}
	return faults
}

func newCacheCompact(a *app) *cobra.Command {
	var choice partChoice
	c := &cobra.Command{
		Use:   "compact [KEY...]",
		Short: "Repair: write the intact rows of each encoder to one file, each text once",
		Long: `Drops damaged rows, repeated rows and incomplete rows at the ends of files.
Restores a lost or damaged header from the files of rows. If it is killed, all
rows are still there. It refuses to work while another process writes to the
part.`,
		Example: `  w2s cache compact
  w2s cache compact --model e5-small-v2`,
		Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, keys []string) error {
			return choice.each(ctx, a, keys, func(cache *feature.Cache, p feature.Part) error {
				health, restored, err := repair(ctx, cache, p.Folder)
				if err != nil {
					return err
				}
				if restored {
					fmt.Fprintf(a.out, "%s: header restored\n", p.Folder)
				}
				fmt.Fprintf(a.out, "%s: %s; dropped: %s, %s\n", p.Folder, visible.Count(health.Texts, "text"), visible.Count(health.Repeated, "repeated row"), featureFaults(health))
				return nil
			})
		}),
	}
	choice.register(c.Flags())
	return c
}

// repair restores the header of a part of the cache if it is lost, and drops damaged and repeated rows.
func repair(ctx context.Context, cache *feature.Cache, folder string) (h feature.Health, restored bool, err error) {
	if restored, err = cache.Restore(folder); err != nil {
		return h, false, err
	}
	h, err = cache.Compact(ctx, folder)
	return h, restored, err
}

func newCacheMerge(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "merge FOLDER...",
		Short: "Copy rows from other cache folders, such as those of shards",
		Long: `Copies the intact rows of other cache folders whose texts this cache does not
have, each text once. Only reads the other folders. A second merge adds nothing,
and the same command continues a merge that was killed.`,
		Example: `  w2s cache merge /mnt/node1/cache /mnt/node2/cache
  w2s cache merge --cache ./together ./shard1 ./shard2`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.runE(func(ctx context.Context, dirs []string) error {
			cache, err := a.features()
			if err != nil {
				return err
			}
			var faults []error
			for _, dir := range dirs {
				merged, err := mergeFolder(ctx, cache, dir)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				for _, m := range merged {
					fmt.Fprintf(a.out, "%s: %s: %s copied, %d already there, %s not copied\n",
						dir, m.Folder, visible.Count(m.Copied, "text"), m.Had, visible.Count(len(m.Damaged), "damaged row"))
				}
				if err != nil {
					faults = append(faults, err)
				}
			}
			return errors.Join(faults...)
		}),
	}
}

// mergeFolder merges the feature cache of another cache folder. A folder without one is an error, because it is probably
// misspelt.
func mergeFolder(ctx context.Context, cache *feature.Cache, dir string) ([]feature.Merged, error) {
	other, err := feature.Open(filepath.Join(dir, featuresFolder))
	if err != nil {
		return nil, err
	}
	parts, err := other.List()
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s holds no features (want a cache folder, which contains a folder %s)", dir, featuresFolder)
	}
	return cache.Merge(ctx, other)
}

func newCachePrune(a *app) *cobra.Command {
	var dry bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Delete the vectors that were not used for the longest time, until the cache is small enough",
		Long: `Deletes the vectors of whole encoders, those that were not used for the longest
time first, until the feature cache takes at most --cache-limit. Leaves out what
a process uses. Other commands with --cache-limit do the same when they end.`,
		Example: `  w2s cache prune --cache-limit 20GiB
  w2s cache prune --cache-limit 500MB --dry-run`,
		RunE: a.runE(func(context.Context, []string) error {
			if a.cacheLimit == 0 {
				return usagef("--cache-limit is missing (w2s cache remove --all deletes everything)")
			}
			cache, err := a.features()
			if err != nil {
				return err
			}
			removed, left, err := cache.Prune(int64(a.cacheLimit), dry)
			done := "removed"
			if dry {
				done = "would be removed"
			}
			for _, p := range removed {
				fmt.Fprintf(a.out, "%s: %s, %s, %s, last used %s\n", partName(p), done, visible.Count(p.Rows, "row"), size(p.Bytes), p.Used.UTC().Format("2006-01-02 15:04"))
			}
			fmt.Fprintf(a.out, "%s left, the limit is %s\n", progress.Size(left), progress.Size(int64(a.cacheLimit)))
			if err == nil && left > int64(a.cacheLimit) {
				err = fmt.Errorf("%s is more than the limit: what is left is in use", size(left))
			}
			return err
		}),
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be deleted")
	return c
}

func newCacheRemove(a *app) *cobra.Command {
	var choice partChoice
	var all bool
	c := &cobra.Command{
		Use:   "remove [KEY...]",
		Short: "Delete the vectors of encoders",
		Long:  `Deletes vectors. A run that needs them encodes their texts again.`,
		Example: `  w2s cache remove --model ./old-checkpoint
  w2s cache remove 3f9a
  w2s cache remove --all`,
		Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(ctx context.Context, keys []string) error {
			if chosen := len(keys)+len(choice.models) > 0; chosen == all {
				return usagef("want keys or --model, or else --all")
			}
			return choice.each(ctx, a, keys, func(cache *feature.Cache, p feature.Part) error {
				if err := cache.Remove(p.Folder); err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s: removed, %s, %s\n", p.Folder, visible.Count(p.Rows, "row"), size(p.Bytes))
				return nil
			})
		}),
	}
	choice.register(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "delete everything")
	return c
}
