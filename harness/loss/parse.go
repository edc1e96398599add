package loss

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"w2s/internal/suggest"
)

// A Setting is a named value of a loss.
type Setting struct {
	Name    string
	Default string // "" for a switch that is off by default
	About   string
}

// A Named is a line of the table of losses.
type Named struct {
	Name, About string
	Settings    []Setting
	make        func(v *values) Loss
}

// maxMixture is the largest number of heads of a [Mixture].
const maxMixture = 64

// All returns the table of all losses that have a name. A new loss needs a line here.
func All() []Named {
	alpha := Setting{"alpha", "0.5", "weight of the student's own prediction, 0 to 1"}
	warmup := Setting{"warmup", "0.2", "share of the steps over which alpha rises from 0"}
	balance := Setting{"balance", "", "subtract the mean log odds from the labels first"}
	floor := Setting{"eps", "0", "share of the uniform distribution in the labels, 0 to 1; with 0, logarithms are -100 or more"}
	return []Named{
		{"xent", "cross-entropy against the labels", nil,
			func(*values) Loss { return XEnt{} }},
		{"kl", "KL(labels ‖ student)", nil,
			func(*values) Loss { return KL{} }},
		{"confidence", "cross-entropy + alpha · entropy of the student",
			[]Setting{{"alpha", "0.5", "weight of the entropy, not negative"}},
			func(v *values) Loss { return Confidence{v.number("alpha", 0, math.MaxFloat64)} }},
		{"logconf", "cross-entropy against labels mixed with the student's own hardened prediction (Burns et al. 2023)",
			[]Setting{alpha, warmup, {"jump", "", "the warm-up of openai/weak-to-strong, which jumps at its end; there warmup is 0.1"}, balance},
			func(v *values) Loss {
				return LogConf{v.number("alpha", 0, 1), v.number("warmup", 0, 1), v.on("jump"), v.on("balance")}
			}},
		{"guardconf", "logconf where the main axis of the features is what the supervisor teaches, else confidence",
			[]Setting{alpha, warmup, {"least", "0.65", "least correlation of the main axis with the head of xent, -1 to 1"}},
			func(v *values) Loss {
				return GuardConf{LogConf{Alpha: v.number("alpha", 0, 1), Warmup: v.number("warmup", 0, 1)}, v.number("least", -1, 1)}
			}},
		{"entropy", "cross-entropy against labels mixed with the student's own soft prediction (EleutherAI/w2s)",
			[]Setting{alpha, warmup, balance},
			func(v *values) Loss {
				return Entropy{v.number("alpha", 0, 1), v.number("warmup", 0, 1), v.on("balance")}
			}},
		{"product", "cross-entropy against student^beta · labels^alpha, normalised (openai/weak-to-strong)",
			[]Setting{{"alpha", "1", "power of the labels, not negative"}, {"beta", "1", "power of the student, not negative"}},
			func(v *values) Loss {
				return Product{v.number("alpha", 0, math.MaxFloat64), v.number("beta", 0, math.MaxFloat64)}
			}},
		{"window", "cross-entropy where the student's top probability is under 0.5 + radius (EleutherAI/w2s)",
			[]Setting{{"radius", "0.15", "a number, or midweak: the median distance of the labels from 0.5"}},
			func(v *values) Loss {
				if v.given["radius"] == "midweak" {
					return Window{MidWeak: true}
				}
				return Window{Radius: v.number("radius", -0.5, 1)}
			}},
		{"rkl", "reverse divergence KL(student ‖ labels) (Yao et al. 2025); starts from xent",
			[]Setting{floor}, func(v *values) Loss { return RKL{v.number("eps", 0, 1)} }},
		{"rxent", "reverse cross-entropy -Σ student · log labels (Yao et al. 2025); starts from xent",
			[]Setting{floor}, func(v *values) Loss { return RXEnt{v.number("eps", 0, 1)} }},
		{"cace", "cross-entropy where the supervisor is confident, else reverse cross-entropy; starts from xent",
			[]Setting{{"c", "0.01", "least top probability above guessing, or decile1 to decile9 of the labels'"}}, newCACE},
		{"symmetric", "alpha · cross-entropy + beta · reverse cross-entropy (Wang et al. 2019); starts from xent",
			[]Setting{{"alpha", "1", "weight of the cross-entropy, not negative"}, {"beta", "0.1", "weight of the reverse one, not negative"}, floor},
			func(v *values) Loss {
				return Symmetric{v.number("alpha", 0, math.MaxFloat64), v.number("beta", 0, math.MaxFloat64), v.number("eps", 0, 1)}
			}},
		{"augconf", "KL mixed with cross-entropy against the student's own answer, unbalanced (Guo et al. 2024)",
			[]Setting{alpha, {"warmup", "0.3", warmup.About}},
			func(v *values) Loss { return AugConf{v.number("alpha", 0, 1), v.number("warmup", 0, 1)} }},
		{"adaptconf", "augconf with a weight of the own answer for each example (Guo et al. 2024); starts from xent",
			[]Setting{{"tau", "0.5", "temperature of the weights, above 0"}},
			func(v *values) Loss { return AdaptConf{v.number("tau", 1e-6, math.MaxFloat64)} }},
		{"evidential", "outputs are evidence, the parameters of a Dirichlet distribution (Cui et al. 2025); starts from xent",
			[]Setting{{"gamma", "0.5", "weight of the student's own answer, 0 to 1"}},
			func(v *values) Loss { return Evidential{v.number("gamma", 0, 1)} }},
		{"mixture", "k heads, mixed in the space of probabilities, by KL(student ‖ labels) (Mulgund and Pabbaraju 2025)",
			[]Setting{{"k", "4", fmt.Sprintf("number of heads, 2 to %d", maxMixture)}, {"forward", "", "by cross-entropy instead"}},
			func(v *values) Loss { return Mixture{v.count("k", 2, maxMixture), v.on("forward")} }},
	}
}

// Parse reads a loss by name. Settings that differ from the defaults follow after colons:
//
//	xent    logconf:alpha=0.75:warmup=0.2    logconf:jump    window:radius=midweak
//
// Parse(l.String()) returns l for every loss of All.
func Parse(text string) (Loss, error) {
	name, _, _ := strings.Cut(text, ":")
	var names []string
	for _, l := range All() {
		if l.Name == name {
			return l.parse(text)
		}
		names = append(names, l.Name)
	}
	return nil, fmt.Errorf("loss: unknown loss %q (%s)", name, suggest.Hint(name, "losses", names))
}

func (n Named) parse(text string) (Loss, error) {
	v := &values{given: map[string]string{}}
	var names []string
	for _, s := range n.Settings {
		names = append(names, s.Name)
		v.given[s.Name] = s.Default
	}
	seen := map[string]bool{}
	for _, part := range strings.Split(text, ":")[1:] {
		key, value, valued := strings.Cut(part, "=")
		old, known := v.given[key]
		switch {
		case !known && len(names) == 0:
			v.fault("%s has no settings, got %q", n.Name, part)
		case !known:
			v.fault("unknown setting %q (%s)", key, suggest.Hint(key, "settings", names))
		case seen[key]:
			v.fault("%s is given twice", key)
		case old == "" && !valued:
			v.given[key] = "true"
		case old != "" && !valued:
			v.fault("%s needs a value, as in %s=%s", key, key, old)
		default:
			v.given[key] = value
		}
		seen[key] = true
	}
	loss := n.make(v)
	if err := errors.Join(v.faults...); err != nil {
		return nil, fmt.Errorf("loss: %q: %w", text, err)
	}
	return loss, nil
}

// values holds the settings of a loss while it is read, and all faults found so far.
type values struct {
	given  map[string]string
	faults []error
}

func (v *values) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

func (v *values) number(name string, low, high float64) float64 {
	x, err := strconv.ParseFloat(v.given[name], 64)
	if err != nil || !(x >= low && x <= high) {
		limits := fmt.Sprintf("from %v to %v", low, high)
		if high == math.MaxFloat64 {
			limits = fmt.Sprintf("of %v or more", low)
		}
		v.fault("%s=%s is not a number %s", name, v.given[name], limits)
	}
	return x
}

func (v *values) count(name string, low, high int) int {
	n, err := strconv.Atoi(v.given[name])
	if err != nil || n < low || n > high {
		v.fault("%s=%s is not a whole number from %d to %d", name, v.given[name], low, high)
	}
	return n
}

func (v *values) on(name string) bool {
	if v.given[name] == "" {
		return false
	}
	on, err := strconv.ParseBool(v.given[name])
	if err != nil {
		v.fault("%s=%s is not true or false", name, v.given[name])
	}
	return on
}

// render writes a loss in the form that Parse reads. pairs alternates names and values. It omits switches that are off.
func render(name string, pairs ...any) string {
	var b strings.Builder
	b.WriteString(name)
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case bool:
			if v {
				fmt.Fprintf(&b, ":%s", pairs[i])
			}
		default:
			fmt.Fprintf(&b, ":%s=%v", pairs[i], v)
		}
	}
	return b.String()
}
