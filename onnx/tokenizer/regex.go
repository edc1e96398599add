package tokenizer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	"golang.org/x/text/cases"
)

// Bounds on one match: a pattern of the file that backtracks without end gives an error, not a hang.
const (
	regexTimeout = 10 * time.Second
	regexStack   = 1 << 22
	maxRegexSize = 1 << 16
)

// compiledRegex is a pattern of Oniguruma, which the library uses with Ruby's syntax, run by regexp2.
type compiledRegex struct{ *regexp2.Regexp }

func compileRegex(regex string) (pattern, error) {
	if len(regex) > maxRegexSize {
		return nil, fmt.Errorf("longer than %d bytes", maxRegexSize)
	}
	t := translator{tables: tables(), in: regex}
	translated, err := t.alternatives(0, regexFlags{})
	if err == nil && t.at < len(t.in) {
		err = fmt.Errorf("unmatched ) at %d", t.at)
	}
	if err != nil {
		return nil, err
	}
	re, err := regexp2.Compile(translated, regexp2.OptionMaxBacktrackingStackSize(regexStack))
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = regexTimeout
	return compiledRegex{re}, nil
}

func (r compiledRegex) find(s string, emit func(start, end int)) error {
	if s == "" { // the library does not search it, even for a pattern that matches nothing
		return nil
	}
	matches, err := r.FindAllStringIndex(s, -1)
	for _, m := range matches {
		emit(m[0], m[1])
	}
	return err
}

// A translator writes an Oniguruma pattern in regexp2's syntax. Classes become explicit ranges, from the library's
// Unicode tables; what the two engines may read differently is refused.
type translator struct {
	tables *unicodeTables
	in     string
	at     int
}

// regexFlags are Ruby's: (?i) folds case, (?m) lets the dot match a newline.
type regexFlags struct{ fold, dotAll bool }

func (t *translator) has(prefix string) bool { return strings.HasPrefix(t.in[t.at:], prefix) }

func (t *translator) take(prefix string) bool {
	if t.has(prefix) {
		t.at += len(prefix)
		return true
	}
	return false
}

func (t *translator) rune() (rune, error) {
	r, size := utf8.DecodeRuneInString(t.in[t.at:])
	if size == 0 {
		return 0, fmt.Errorf("it ends too early")
	}
	t.at += size
	return r, nil
}

// alternatives reads up to the end of a group.
func (t *translator) alternatives(depth int, flags regexFlags) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("more than %d groups within groups", maxDepth)
	}
	var out strings.Builder
	if set, ok := t.inlineFlags(flags); ok {
		flags = set
	}
	previous := rune(0) // a literal just before, for case folding
	for t.at < len(t.in) && !t.has(")") {
		if t.take("|") {
			out.WriteByte('|')
			previous = 0
			continue
		}
		start := t.at
		atom, literal, err := t.atom(depth, flags)
		if err != nil {
			return "", err
		}
		if flags.fold && literal != 0 {
			if err := t.foldable(previous, literal); err != nil {
				return "", err
			}
		}
		previous = literal
		if atom, err = t.quantified(atom, t.in[start]); err != nil {
			return "", err
		}
		out.WriteString(atom)
	}
	return out.String(), nil
}

// inlineFlags reads (?i) and the like at the start of a group; elsewhere Ruby and .NET disagree on their reach.
func (t *translator) inlineFlags(flags regexFlags) (regexFlags, bool) {
	end := strings.IndexAny(t.in[t.at:], ":)")
	if !t.has("(?") || end < 0 || t.in[t.at+end] != ')' {
		return flags, false
	}
	set, ok := parseFlags(t.in[t.at+2:t.at+end], flags)
	if ok {
		t.at += end + 1
	}
	return set, ok
}

func parseFlags(s string, flags regexFlags) (regexFlags, bool) {
	on := true
	for _, r := range s {
		switch r {
		case '-':
			on = false
		case 'i':
			flags.fold = on
		case 'm':
			flags.dotAll = on
		default:
			return flags, false
		}
	}
	return flags, s != ""
}

// foldable refuses what Oniguruma folds to or from several runes (ss and ß), which regexp2 does not.
func (t *translator) foldable(previous, r rune) error {
	if len([]rune(cases.Fold().String(string(r)))) > 1 || unicode.Is(unicode.Mn, r) {
		return unsupported("folding the case of %q", r)
	}
	if pair := strings.ToLower(string([]rune{previous, r})); slices.Contains([]string{"ss", "ff", "fi", "fl", "st"}, pair) {
		return unsupported("folding the case of %q", pair)
	}
	return nil
}

// quantified reads what follows an atom that began with the byte first.
func (t *translator) quantified(atom string, first byte) (string, error) {
	if t.at == len(t.in) {
		return atom, nil
	}
	start := t.at
	interval := false
	switch t.in[t.at] {
	case '*', '+', '?':
		t.at++
	case '{':
		low, high, ok := t.interval()
		if !ok {
			t.at = start
			return atom, nil
		}
		if low > 1000 || high > 1000 || high >= 0 && low > high {
			return "", unsupported("the repetition %s", t.in[start:t.at])
		}
		interval = true
	default:
		return atom, nil
	}
	if first == '^' || first == '$' {
		return "", unsupported("a repeated %c", first)
	}
	repeat := t.in[start:t.at]
	if interval && strings.HasPrefix(repeat, "{,") {
		repeat = "{0" + repeat[1:]
	}
	switch {
	case interval && (t.has("?") || t.has("+")):
		return "", unsupported("%s%c", repeat, t.in[t.at])
	case t.take("?"):
		repeat += "?"
	case t.take("+"):
		atom, repeat = "(?>"+atom+repeat+")", ""
	}
	if t.at < len(t.in) && strings.IndexByte("*+?", t.in[t.at]) >= 0 {
		return "", unsupported("a repetition of a repetition")
	}
	return atom + repeat, nil
}

// interval reads {n}, {n,}, {,m} or {n,m}; high is -1 for no bound. Other braces stand for themselves.
func (t *translator) interval() (low, high int, ok bool) {
	end := strings.IndexByte(t.in[t.at:], '}')
	if end < 0 {
		return 0, 0, false
	}
	from, to, comma := strings.Cut(t.in[t.at+1:t.at+end], ",")
	if !comma {
		to = from
	}
	high = -1
	var err error
	if from != "" {
		if low, err = strconv.Atoi(from); err != nil || low < 0 {
			return 0, 0, false
		}
	}
	if to != "" {
		if high, err = strconv.Atoi(to); err != nil || high < 0 {
			return 0, 0, false
		}
	}
	if from == "" && to == "" {
		return 0, 0, false
	}
	t.at += end + 1
	return low, high, true
}

// atom reads one element; literal is its rune where it is one.
func (t *translator) atom(depth int, flags regexFlags) (out string, literal rune, err error) {
	switch {
	case t.has("("):
		out, err = t.group(depth, flags)
		return out, 0, err
	case t.has("["):
		set, err := t.class(depth, flags)
		return classText(set), 0, err
	case t.take("."):
		if flags.dotAll {
			return `[\s\S]`, 0, nil
		}
		return `[^\n]`, 0, nil
	case t.take("^"):
		return `(?:\A|(?<=\n)(?!\z))`, 0, nil
	case t.take("$"):
		return `(?=\n|\z)`, 0, nil
	case t.has("*"), t.has("+"), t.has("?"):
		return "", 0, fmt.Errorf("nothing to repeat at %d", t.at)
	case t.has(`\`):
		word := classText(t.tables.byName["regexword"].ranges)
		switch {
		case t.take(`\A`):
			return `\A`, 0, nil
		case t.take(`\z`):
			return `\z`, 0, nil
		case t.take(`\Z`):
			return `(?=\n?\z)`, 0, nil
		case t.take(`\b`):
			return fmt.Sprintf(`(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))`, word), 0, nil
		case t.take(`\B`):
			return fmt.Sprintf(`(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))`, word), 0, nil
		}
		set, single, err := t.escape()
		if err != nil {
			return "", 0, err
		}
		if single {
			literal = set[0][0]
		}
		return classText(t.folded(set, flags)), literal, nil
	}
	r, err := t.rune()
	return classText(t.folded([][2]rune{{r, r}}, flags)), r, err
}

func (t *translator) group(depth int, flags regexFlags) (string, error) {
	t.at++
	open := "(?:"
	if t.take("?") {
		end := strings.IndexAny(t.in[t.at:], ":)")
		switch {
		case t.take(":"):
		case t.take("="):
			open = "(?="
		case t.take("!"):
			open = "(?!"
		case t.take("<="):
			open = "(?<="
		case t.take("<!"):
			open = "(?<!"
		case t.take(">"):
			open = "(?>"
		default:
			set, ok := regexFlags{}, false
			if end > 0 && t.in[t.at+end] == ':' {
				set, ok = parseFlags(t.in[t.at:t.at+end], flags)
			}
			if !ok {
				return "", unsupported("the group (?%.8s", t.in[t.at:])
			}
			flags = set
			t.at += end + 1
		}
	}
	inside, err := t.alternatives(depth+1, flags)
	if err != nil {
		return "", err
	}
	if !t.take(")") {
		return "", fmt.Errorf("missing )")
	}
	return open + inside + ")", nil
}

// escape reads \x; single says that it stands for one rune.
func (t *translator) escape() (set [][2]rune, single bool, err error) {
	start := t.at
	t.at++
	r, err := t.rune()
	if err != nil {
		return nil, false, err
	}
	one := func(r rune) ([][2]rune, bool, error) { return [][2]rune{{r, r}}, true, nil }
	named := func(ranges [][2]rune, not bool) ([][2]rune, bool, error) {
		if not {
			ranges = complement(ranges)
		}
		return ranges, false, nil
	}
	switch r {
	case 'n':
		return one('\n')
	case 't':
		return one('\t')
	case 'r':
		return one('\r')
	case 'f':
		return one('\f')
	case 'v':
		return one('\v')
	case 'a':
		return one('\a')
	case 'e':
		return one(0x1B)
	case 'd', 'D':
		return named(t.tables.category("Nd"), r == 'D')
	case 's', 'S':
		return named(spaceRanges(), r == 'S')
	case 'w', 'W':
		return named(t.tables.byName["regexword"].ranges, r == 'W')
	case 'h', 'H':
		return named([][2]rune{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, r == 'H')
	case 'p', 'P':
		ranges, not, err := t.property()
		if err != nil {
			return nil, false, err
		}
		return named(ranges, not != (r == 'P'))
	case 'x', 'u':
		c, err := t.codePoint(r)
		return [][2]rune{{c, c}}, true, err
	}
	if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
		return nil, false, unsupported("%s", t.in[start:t.at])
	}
	return one(r)
}

func spaceRanges() [][2]rune {
	var out [][2]rune
	for r := rune(0); r <= 0x3000; r++ {
		if isSpace(r) {
			out = append(out, [2]rune{r, r})
		}
	}
	return normalizeRanges(out)
}

// property reads {Name} or {^Name} behind \p.
func (t *translator) property() (ranges [][2]rune, not bool, err error) {
	end := strings.IndexByte(t.in[t.at:], '}')
	if !t.take("{") || end < 0 {
		return nil, false, fmt.Errorf(`\p without {name}`)
	}
	name := t.in[t.at : t.at+end-1]
	t.at += end
	name, not = strings.CutPrefix(name, "^")
	if ranges = t.tables.category(name); ranges == nil && len(name) > 2 {
		if c, ok := t.tables.byName[name]; ok && unicode.IsUpper(rune(name[0])) {
			ranges = c.ranges
		}
	}
	if ranges == nil {
		return nil, false, unsupported(`\p{%s}`, name)
	}
	return ranges, not, nil
}

// codePoint reads what follows \x or \u.
func (t *translator) codePoint(kind rune) (rune, error) {
	digits := 2
	if kind == 'u' {
		digits = 4
	}
	var hex string
	if kind == 'x' && t.take("{") {
		end := strings.IndexByte(t.in[t.at:], '}')
		if end < 0 {
			return 0, fmt.Errorf(`\x{ without }`)
		}
		hex = t.in[t.at : t.at+end]
		t.at += end + 1
	} else {
		end := min(t.at+digits, len(t.in))
		hex = t.in[t.at:end]
		t.at = end
		if n, err := strconv.ParseUint(hex, 16, 32); kind == 'x' && err == nil && n >= utf8.RuneSelf {
			return 0, unsupported(`the byte \x%s`, hex)
		}
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) || n > unicode.MaxRune {
		return 0, fmt.Errorf(`\%c%s is not a character`, kind, hex)
	}
	return rune(n), nil
}

// class reads a bracketed class, which in Ruby may hold classes and intersections.
func (t *translator) class(depth int, flags regexFlags) ([][2]rune, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d classes within classes", maxDepth)
	}
	if t.has("[[:") || t.has("[]") || t.has("[^]") {
		return nil, unsupported("the class %.8s", t.in[t.at:])
	}
	t.at++
	not := t.take("^")
	var set, all [][2]rune
	intersection := false
	for !t.take("]") {
		if t.take("&&") {
			if intersection {
				set = intersect(all, set)
			}
			all, set, intersection = normalizeRanges(set), nil, true
			continue
		}
		if t.has("[") {
			if t.has("[:") {
				return nil, unsupported("the class %.8s", t.in[t.at:])
			}
			inner, err := t.class(depth+1, flags)
			if err != nil {
				return nil, err
			}
			set = append(set, inner...)
			continue
		}
		low, single, err := t.classRune()
		if err != nil {
			return nil, err
		}
		if single && t.has("-") && !t.has("-]") && !t.has("-[") && !t.has("-&&") {
			t.at++
			high, ok, err := t.classRune()
			if err != nil {
				return nil, err
			}
			if !ok || high[0][0] < low[0][0] {
				return nil, unsupported("the range before %d", t.at)
			}
			low = [][2]rune{{low[0][0], high[0][0]}}
		}
		set = append(set, low...)
	}
	set = normalizeRanges(set)
	if intersection {
		set = intersect(all, set)
	}
	set = t.folded(set, flags)
	if not {
		set = complement(set)
	}
	return set, nil
}

func (t *translator) classRune() ([][2]rune, bool, error) {
	if t.has(`\b`) || t.has(`\B`) {
		return nil, false, unsupported("%s in a class", t.in[t.at:t.at+2])
	}
	if t.has(`\`) {
		return t.escape()
	}
	r, err := t.rune()
	return [][2]rune{{r, r}}, true, err
}

// folded adds the other cases of a set's runes.
func (t *translator) folded(set [][2]rune, flags regexFlags) [][2]rune {
	if !flags.fold {
		return set
	}
	var more [][2]rune
	for _, r := range set {
		for x := r[0]; x <= r[1] && x < 0x1F000; x++ { // no cased letters beyond
			for f := unicode.SimpleFold(x); f != x; f = unicode.SimpleFold(f) {
				more = append(more, [2]rune{f, f})
			}
		}
	}
	return normalizeRanges(append(more, set...))
}

const surrogateMin, surrogateMax = 0xD800, 0xDFFF

// classText writes a set as a class of explicit ranges.
func classText(set [][2]rune) string {
	if len(set) == 0 {
		return `(?!)`
	}
	var b strings.Builder
	write := func(r rune) {
		if strings.ContainsRune(`\]^[-`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('[')
	for _, r := range set {
		if r[0] >= surrogateMin && r[0] <= surrogateMax { // no text holds them and no pattern can
			r[0] = surrogateMax + 1
		}
		if r[1] >= surrogateMin && r[1] <= surrogateMax {
			r[1] = surrogateMin - 1
		}
		if r[0] > r[1] {
			continue
		}
		write(r[0])
		if r[0] < r[1] {
			b.WriteByte('-')
			write(r[1])
		}
	}
	b.WriteByte(']')
	return b.String()
}
