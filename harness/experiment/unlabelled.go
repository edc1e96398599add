package experiment

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"w2s/harness/feature"
	"w2s/harness/head"
	"w2s/harness/loss"
	"w2s/harness/result"
	"w2s/internal/list"
	"w2s/internal/suggest"
	"w2s/tasks"
)

// This file has the baselines of Config.Unlabelled, which find a direction of the strong model's features without labels. Weak labels
// give its sign, and gold does nothing. docs/methods.md has their formulas.

const (
	ensemble = 128 // directions that a consensus is made of (Canavan et al. 2026)
	ueAlpha  = 0.5 // share of the weak labels' cross-entropy
)

// readStatements lists the baselines of classes that read statements in place of texts.
var readStatements = []string{result.OfCRC, result.OfCCS, result.OfUE}

// A Contrast returns an example with a text for each class of a task, the statement that the class is right. It returns an error if the
// classes of the task have no names that make statements.
type Contrast func(tasks.Info) (func(tasks.Example) tasks.Example, error)

// checkUnlabelled reports what is wrong with the baselines on request.
func (c Config) checkUnlabelled(faults *faultList) {
	for _, kind := range c.Unlabelled {
		if have := result.Unlabelled(); !slices.Contains(have, kind) {
			faults.add("unknown baseline %q (%s)", kind, suggest.Hint(kind, "baselines", have))
		}
	}
	twice(faults, "baseline", c.Unlabelled)
	if len(c.Unlabelled) > 0 && !c.Baselines {
		faults.add("baselines without labels (%s) need the other baselines", strings.Join(c.Unlabelled, ", "))
	}
}

// unlabelled returns the baselines on request that the task can have. It warns of the ones that it cannot have.
func (w *workbench) unlabelled() (kinds []string) {
	if !w.hasBaselines() {
		return nil
	}
	for _, kind := range w.cfg.Unlabelled {
		why := ""
		switch {
		case w.info.Form == tasks.Rank && kind == result.OfCCS:
			why = "candidates that compete are always consistent, so the search finds any direction"
		case w.info.Form == tasks.Rank && kind == result.OfCRC:
			why = "for candidates it is the main axis, which is there"
		case w.info.Form == tasks.Rank:
		case len(w.info.Classes) > 2 && kind != result.OfUE:
			why = "one direction cannot tell more than two classes apart"
		case len(w.info.Classes) > 2:
			why = "two statements cannot tell more than two classes apart"
		case slices.Contains(readStatements, kind):
			if err := w.openContrast(); err != nil {
				why = err.Error()
			}
		}
		if why == "" {
			kinds = append(kinds, kind)
		} else {
			w.warn("the baseline %s is left out: %s", kind, why)
		}
	}
	return kinds
}

// openContrast sets how examples are written as statements.
func (w *workbench) openContrast() error {
	if w.statements != nil {
		return nil
	}
	if w.cfg.Contrast == nil {
		return errors.New("nothing says how texts are written as statements")
	}
	for _, m := range w.cfg.Models {
		if m.Lookup != nil && slices.Contains(w.cfg.strongs(), m.Name) {
			return fmt.Errorf("%s has no vectors of statements", m.Name)
		}
	}
	statements, err := w.cfg.Contrast(w.info)
	if err != nil {
		return err
	}
	w.statements = statements
	return nil
}

// finished returns what the earlier result has of the task, if it can be kept: if it has all that was asked for beyond the usual heads.
func (w *workbench) finished(settings result.Settings) (result.Work, bool) {
	work, ok := w.env.Previous.Finished(settings, w.cfg.models(), w.record)
	if !ok {
		return result.Work{}, false
	}
	for _, kind := range slices.Concat(w.unlabelled(), w.orderKinds(), w.someGoldKinds()) {
		if !slices.ContainsFunc(work.Heads, func(h result.Head) bool { return h.Baseline == kind }) {
			return result.Work{}, false
		}
	}
	return work, true
}

// needsStatements reports whether a baseline that the task can have reads statements.
func (w *workbench) needsStatements() bool {
	if w.info.Form != tasks.Classify {
		return false
	}
	return slices.ContainsFunc(w.unlabelled(), func(kind string) bool { return slices.Contains(readStatements, kind) })
}

// statementTexts returns the statements of an example as a model reads them.
func (w *workbench) statementTexts(m Model, e tasks.Example) ([]string, error) {
	return m.Texts(w.statements(e))
}

// encodeStatements computes the features of all statements under the strong models.
func (w *workbench) encodeStatements(ctx context.Context) error {
	if !w.needsStatements() {
		return nil
	}
	for _, models := range passes(w.cfg.Models) {
		strong := slices.DeleteFunc(slices.Clone(models), func(m Model) bool { return !slices.Contains(w.cfg.strongs(), m.Name) })
		if len(strong) == 0 {
			continue
		}
		matrices, start, _, err := w.vectors(ctx, strong, w.statementTexts)
		if err != nil {
			return fmt.Errorf("%s, statements: %w", together(strong), err)
		}
		for i, m := range strong {
			w.contrast[m.Name] = head.Data{X: matrices[i], Start: start}
		}
	}
	return nil
}

// statementsOf returns the features of statements for one seed. Those of either answer are standardised by themselves, over the training
// pool, because otherwise the largest difference between them is how they are written.
func (w *workbench) statementsOf(model string, seed uint64) features {
	raw := w.contrast[model]
	h := w.halvesOf(result.Head{Seed: seed})
	x := &feature.Matrix{Rows: raw.X.Rows, Dims: raw.X.Dims, Data: make([]float32, raw.X.Rows*raw.X.Dims)}
	for side := range 2 {
		at := func(e int) int { return raw.Start[e] + side }
		scaling := head.Standardise(raw.X, list.Map(slices.Sorted(slices.Values(slices.Concat(h.weak, h.strong))), at))
		for e := range w.examples {
			scaling.ApplyTo(raw.X.Row(at(e)), x.Row(at(e)))
		}
	}
	return features{raw: head.Data{X: x, Start: raw.Start}}
}

// addUnlabelled adds the baselines on request to the heads of a task.
func (w *workbench) addUnlabelled(ctx context.Context, heads []trained, offers []offer) ([]trained, error) {
	for _, kind := range w.unlabelled() {
		add := w.consensus
		switch kind {
		case result.OfCRC, result.OfCCS:
			add = w.contrastSearch
		case result.OfUE:
			add = w.elicited
		}
		more, err := add(ctx, kind, offers)
		if err != nil {
			return nil, fmt.Errorf("baseline %s: %w", kind, err)
		}
		heads = append(heads, more...)
	}
	return heads, nil
}

// eachOffer calls do for the offers of every pair.
func (w *workbench) eachOffer(offers []offer, do func(strong string, o offer) error) error {
	for _, pair := range w.cfg.Pairs {
		for _, o := range offers {
			if o.supervisor.Model == pair.Weak {
				if err := do(pair.Strong, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// spaces returns what of returns for the spaces of all strong models.
func spaces[T any](ctx context.Context, w *workbench, of func(space) (T, error)) (map[space]T, error) {
	var all []space
	for _, model := range w.cfg.strongs() {
		for _, h := range w.halves {
			all = append(all, space{model, h.seed, h.size})
		}
	}
	found := make([]T, len(all))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range all {
		g.Go(func() (err error) {
			if err = ctx.Err(); err == nil {
				found[i], err = of(s)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := map[space]T{}
	for i, s := range all {
		out[s] = found[i]
	}
	return out, nil
}

// consensus returns the consensus of random probes or of principal components.
func (w *workbench) consensus(ctx context.Context, kind string, offers []offer) (out []trained, err error) {
	directions, err := spaces(ctx, w, func(s space) (_ []float64, err error) {
		data, strong := w.data[s.model].of(s.seed), w.halvesOf(result.Head{Seed: s.seed, Size: s.size}).strong
		var members [][]float64
		if kind == result.OfProbes {
			members = head.RandomDirections(data.X.Dims, ensemble, s.seed)
		} else if members, err = head.MainAxes(data, strong, ensemble); err != nil {
			return nil, err
		}
		return head.Consensus(members, data, strong)
	})
	if err != nil {
		return nil, err
	}
	err = w.eachOffer(offers, func(strong string, o offer) error {
		d := directions[space{strong, o.halves.seed, o.halves.size}]
		if d == nil {
			return nil
		}
		t, err := w.alongDirection(ctx, kind, d, strong, o)
		out = append(out, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, w.reportTrained(out)
}

// contrastSearch returns the heads of contrast-consistent search, or of the main axis of statements. They read statements, so that they are not saved like others.
func (w *workbench) contrastSearch(ctx context.Context, kind string, offers []offer) (out []trained, err error) {
	type found struct {
		head *head.Head
		data head.Data
	}
	searched, err := spaces(ctx, w, func(s space) (found, error) {
		data := w.statementsOf(s.model, s.seed)
		strong := w.halvesOf(result.Head{Seed: s.seed, Size: s.size}).strong
		own := w.part(data, s.seed, strong)
		if kind == result.OfCRC {
			axis, err := head.MainAxis(own.data, own.numbers(strong))
			return found{&head.Head{Dims: len(axis), W: axis, B: []float64{0}}, data.raw}, err
		}
		h, _, err := head.CCS{Seed: s.seed}.Fit(ctx, own.data, own.numbers(strong))
		return found{h, data.raw}, err
	})
	if err != nil {
		return nil, err
	}
	err = w.eachOffer(offers, func(strong string, o offer) error {
		f := searched[space{strong, o.halves.seed, o.halves.size}]
		if f.head.Dims == 0 { // the statements do not differ
			return nil
		}
		signed, settled, err := f.head.Signed(f.data, o.halves.strong, o.labels.Soft)
		if err != nil {
			return err
		}
		test, err := head.Predict(ctx, f.data, []*head.Head{signed}, w.test)
		if err != nil {
			return err
		}
		r := w.directionRecord(kind, strong, o, settled)
		r.Test = test[0]
		out = append(out, trained{Head: r})
		return nil
	})
	return out, err
}

// elicited returns the heads that learn weak labels and the objective of contrast-consistent search together. Those of classes read
// statements. Their penalties are chosen like those of students.
func (w *workbench) elicited(ctx context.Context, kind string, offers []offer) (out []trained, err error) {
	l := loss.Elicited{Alpha: ueAlpha, Contrast: w.info.Form == tasks.Classify}
	specs := map[string][]trainSpec{}
	err = w.eachOffer(offers, func(strong string, o offer) error {
		specs[strong] = append(specs[strong], trainSpec{
			head: result.Head{Role: result.Comparison, Baseline: kind, Model: strong, Supervisor: o.supervisor.ID, Treatment: "soft",
				Seed: o.halves.seed, Size: o.halves.size},
			examples: o.halves.strong, labels: o.labels.Soft, loss: l})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, model := range w.cfg.strongs() {
		if !l.Contrast {
			more, err := w.train(ctx, w.data[model], specs[model])
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		for _, seed := range w.cfg.Seeds {
			own := slices.DeleteFunc(slices.Clone(specs[model]), func(s trainSpec) bool { return s.head.Seed != seed })
			more, err := w.trainUnsaved(ctx, w.statementsOf(model, seed), own)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		}
	}
	return out, nil
}
