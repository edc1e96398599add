package tasks

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"w2s/internal/suggest"
	"w2s/internal/visible"
)

// A Lister is a Source that lists the files of data sets on the hub.
type Lister interface {
	// List returns the paths of the files of a data set: "hf:datasets/ORG/NAME@REV", where a slash in REV is written %2F.
	List(ctx context.Context, dataset string) ([]string, error)
}

// hubRef begins what a user gives for a data set on the hub.
const hubRef = "hf:"

// defaultHubRows is the number of rows that are read of each part of a data set on the hub, unless a setting says otherwise.
const defaultHubRows = 100_000

// openHub returns a task on a data set of the hub, "hf:ORG/NAME" or "hf:ORG/NAME@REV". Without a revision, the files are those of the
// hub's own conversion to parquet. It fetches the first file, whose columns decide what the task is.
func openHub(ctx context.Context, src Source, ref string, given settings) (Task, error) {
	repo, rev, hasRev := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(ref, hubRef), "datasets/"), "@")
	if org, name, ok := strings.Cut(repo, "/"); !ok || org == "" || name == "" || strings.Contains(name, "/") || hasRev && rev == "" {
		return nil, fmt.Errorf("tasks: %s: want hf:ORG/NAME or hf:ORG/NAME@REV", ref)
	}
	rev = strings.ReplaceAll(rev, "/", "%2F")
	if !hasRev {
		rev = parquetBranch
	}
	dataset := hubPrefix + repo + "@" + rev
	files, err := listOf(ctx, src, dataset)
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", ref, err)
	}
	chosen, err := chooseParts(files, given, "")
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", ref, err)
	}
	first, err := src.Path(ctx, dataset+"/"+chosen.train[0])
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w", ref, err)
	}
	name := path.Base(repo)
	if chosen.config != defaultConfig {
		name += "-" + visible.Name(strings.ReplaceAll(chosen.config, "/", "-"))
	}
	spec, err := guessSpec(guess{path: first, file: chosen.train[0], name: name, ref: ref, given: given, hub: dataset})
	if err != nil {
		return nil, err
	}
	if hidden := hiddenLabels(ctx, src, dataset, chosen, spec); hidden && given["test"] == "" {
		spec.notes = append(spec.notes, fmt.Sprintf("the labels of part %s are hidden (-1)", chosen.testName))
		if chosen, err = chooseParts(files, given, chosen.testName); err != nil {
			return nil, fmt.Errorf("tasks: %s: %w", ref, err)
		}
	}
	spec.Train, spec.Test = nil, nil
	for _, f := range chosen.train {
		spec.Train = append(spec.Train, dataset+"/"+f)
	}
	for _, f := range chosen.test {
		spec.Test = append(spec.Test, dataset+"/"+f)
	}
	if _, ok := given["rows"]; !ok {
		spec.Rows = defaultHubRows
	}
	spec.Title = "rows of " + visible.Name(repo) + " on the hub"
	spec.Source = strings.TrimSuffix(ref, "@"+parquetBranch)
	if unescaped, err := url.PathUnescape(rev); err == nil && hasRev {
		spec.Source = hubRef + repo + "@" + unescaped
	}
	spec.notes = append(spec.notes, fmt.Sprintf("configuration %s, training part %s, test part %s", chosen.config, chosen.trainName, chosen.testName))
	return fileTask{spec: spec}, nil
}

// hiddenLabels reports whether all labels of the test part are -1, as in benchmarks with a leaderboard.
func hiddenLabels(ctx context.Context, src Source, dataset string, chosen chosenParts, spec Spec) bool {
	if len(chosen.test) == 0 || spec.Form != Classify {
		return false
	}
	path, err := src.Path(ctx, dataset+"/"+chosen.test[0])
	if err != nil {
		return false // Load reports it
	}
	counts := labelCounts(path, spec.Label, spec.Columns)
	return len(counts) == 1 && counts["-1"] > 0
}

// chosenParts are the files of a data set that a task reads.
type chosenParts struct {
	config              string
	trainName, testName string
	train, test         []string // in the order of their shards
}

// defaultConfig is the name of the configuration of files that are in no folder of their own.
const defaultConfig = "default"

// usualTests lists the names of test parts, in the order in which they are looked for.
var usualTests = []string{"test", "validation", "valid", "val", "dev"}

// chooseParts chooses the configuration and the parts of a data set by its files. The part named without is not for testing.
func chooseParts(files []string, given settings, without string) (chosenParts, error) {
	parts := map[string]map[string][]string{} // by configuration and split
	for _, f := range files {
		config, split, ok := partOf(f)
		if !ok {
			continue
		}
		if parts[config] == nil {
			parts[config] = map[string][]string{}
		}
		parts[config][split] = append(parts[config][split], f)
	}
	if len(parts) == 0 {
		return chosenParts{}, fmt.Errorf("none of its %d files is a data file that is read (parquet, jsonl, json, csv, tsv)", len(files))
	}
	var c chosenParts
	var err error
	configs := slices.Sorted(maps.Keys(parts))
	if c.config, err = choose(given, "config", configs, []string{defaultConfig}); err != nil {
		return c, err
	}
	splits := slices.Sorted(maps.Keys(parts[c.config]))
	wanted := given.list("train")
	if wanted == nil {
		one, err := choose(given, "train", splits, []string{"train", "training"})
		if err != nil {
			return c, err
		}
		wanted = []string{one}
	}
	for _, w := range wanted {
		if parts[c.config][w] == nil {
			return c, fmt.Errorf("train=%s: there is no such part (%s)", shortened(w), suggest.Hint(w, "parts", splits))
		}
		c.train = append(c.train, slices.Sorted(slices.Values(parts[c.config][w]))...)
	}
	c.trainName = strings.Join(wanted, ", ")
	c.testName = given["test"]
	if c.testName == "" {
		at := slices.IndexFunc(usualTests, func(name string) bool {
			return name != without && parts[c.config][name] != nil && !slices.Contains(wanted, name)
		})
		if at < 0 {
			c.testName = "taken from it"
			return c, nil
		}
		c.testName = usualTests[at]
	}
	if parts[c.config][c.testName] == nil {
		return c, fmt.Errorf("test=%s: there is no such part (%s)", shortened(c.testName), suggest.Hint(c.testName, "parts", splits))
	}
	if slices.Contains(wanted, c.testName) {
		return c, fmt.Errorf("test=%s is a training part too", c.testName)
	}
	c.test = slices.Sorted(slices.Values(parts[c.config][c.testName]))
	return c, nil
}

// choose returns the value of a setting, or the only one that there is, or the first usual one that there is.
func choose(given settings, setting string, have, usual []string) (string, error) {
	if value, ok := given[setting]; ok {
		if slices.Contains(have, value) {
			return value, nil
		}
		return "", fmt.Errorf("%s=%s: there is none (%s)", setting, shortened(value), suggest.Hint(value, "there are", shownNames(have)))
	}
	if len(have) == 1 {
		return have[0], nil
	}
	for _, u := range usual {
		if slices.Contains(have, u) {
			return u, nil
		}
	}
	return "", fmt.Errorf("choose one of %d: add :%s=NAME (%s)", len(have), setting, strings.Join(shownNames(have), ", "))
}

// shownNames returns the first names of a long list.
func shownNames(names []string) []string {
	const most = 40
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), fmt.Sprintf("… %d more", len(names)-most))
}

var (
	convertedShard = regexp.MustCompile(`^[0-9]+\.parquet$`)
	splitName      = regexp.MustCompile(`(?:^|[._-])(train|training|test|validation|valid|val|dev)(?:[._-]|$)`)
)

// partOf returns the configuration and the split that a file of a data set belongs to. The hub's conversion has
// CONFIG/SPLIT/0000.parquet; other files have the split in their name.
func partOf(file string) (config, split string, ok bool) {
	if _, err := formatOf(file); err != nil {
		return "", "", false
	}
	dir, base := path.Split(file)
	dir = strings.TrimSuffix(dir, "/")
	if convertedShard.MatchString(base) && dir != "" {
		config, split = path.Dir(dir), strings.TrimPrefix(path.Base(dir), "partial-")
		if config == "." {
			config = defaultConfig
		}
		return config, split, true
	}
	if config = strings.TrimPrefix(strings.TrimPrefix(dir, "data"), "/"); config == "" {
		config = defaultConfig
	}
	m := splitName.FindStringSubmatch(strings.ToLower(base))
	if m == nil {
		return config, "train", true // a file without a part in its name
	}
	return config, m[1], true
}
