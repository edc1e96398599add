package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A translator writes an Oniguruma pattern in regexp2's syntax. Classes become explicit ranges, from the library's
// Unicode tables; what the two engines may read differently is refused.
type translator struct {
	tables   *unicodeTables
	in       string
	at       int
	previous rune   // the literal just before, across groups, for case folding
	needed   string // is in every match, unless there are alternatives
	either   bool   // the whole pattern is several alternatives
	behind   int    // looks behind that are open
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
	for t.at < len(t.in) && !t.has(")") {
		if t.take("|") {
			out.WriteByte('|')
			t.previous = 0
			t.either = t.either || depth == 0
			continue
		}
		start, before := t.at, t.previous
		atom, literal, err := t.atom(depth, flags)
		if err != nil {
			return "", err
		}
		atom, repeat, err := t.quantified(atom, t.in[start])
		if err != nil {
			return "", err
		}
		switch {
		case literal == 0 && t.in[start] == '(' && repeat.least > 0: // its last literal comes before what follows
		case literal == 0 || repeat.loose:
			t.previous = 0
		default:
			if pair := [2]rune{t.tables.of(before), t.tables.of(literal)}; flags.fold && t.tables.pairs[pair] {
				return "", unsupported("folding the case of %q, which one character can stand for,", []rune{before, literal})
			}
			t.previous = literal
		}
		if literal != 0 && depth == 0 && !flags.fold && repeat.least >= max(1, utf8.RuneCountInString(t.needed)) {
			t.needed = strings.Repeat(string(literal), repeat.least)
		}
		if out.WriteString(atom); out.Len() > maxTranslated {
			return "", unsupported("an expression with so many classes")
		}
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

// regexp2 reads what is behind from right to left, Oniguruma from left to right.
var errAtomicBehind = unsupported("a possessive repetition or an atomic group in a look behind")

// A repeat says what a quantifier makes of its atom.
type repeat struct {
	least int  // how often it is there at least
	loose bool // Oniguruma does not read it as one string with its neighbours
}

// quantified reads what follows an atom that began with the byte first.
func (t *translator) quantified(atom string, first byte) (string, repeat, error) {
	r := repeat{least: 1}
	start := t.at
	isInterval, fixed := false, false
	switch {
	case t.take("*"), t.take("?"):
		r = repeat{least: 0, loose: true}
	case t.take("+"):
		r.loose = true
	case t.has("{"):
		low, high, ok := t.interval()
		if !ok {
			return atom, r, nil
		}
		if low > 1000 || high > 1000 || high >= 0 && low > high {
			return "", r, unsupported("the repetition %s", t.in[start:t.at])
		}
		isInterval, fixed = true, low == high
		r.least = low
	default:
		return atom, r, nil
	}
	if first == '^' || first == '$' {
		return "", r, unsupported("a repeated %c", first)
	}
	how := t.in[start:t.at]
	if strings.HasPrefix(how, "{,") {
		how = "{0" + how[1:]
	}
	switch { // in Ruby's syntax a{2}? and a{2}+ are (?:a{2})? and (?:a{2})+, and only a{1,2}? is lazy
	case isInterval && fixed && t.take("?"):
		atom, how, r.least = "(?:"+atom+how+")", "?", 0
	case isInterval && t.take("+"):
		atom, how = "(?:"+atom+how+")", "+"
	case t.take("?"):
		how += "?"
	case t.take("+"):
		if t.behind > 0 {
			return "", r, errAtomicBehind
		}
		atom, how = "(?>"+atom+how+")", ""
	}
	again := t.at
	_, _, interval := t.interval()
	if t.at = again; interval || t.at < len(t.in) && strings.IndexByte("*+?", t.in[t.at]) >= 0 {
		return "", r, unsupported("a repetition of a repetition")
	}
	return atom + how, r, nil
}

// interval reads {n}, {n,}, {,m} or {n,m}; high is -1 for no bound. Other braces stand for themselves.
func (t *translator) interval() (low, high int, ok bool) {
	end := strings.IndexByte(t.in[t.at:], '}')
	if !t.has("{") || end < 0 {
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
		out, err = t.outerClass(depth, flags)
		return out, 0, err
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
		word := classText(t.tables.words(false))
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
		set, single, err := t.escape(false)
		if err != nil || !single {
			return classText(set), 0, err // Oniguruma folds no case of these
		}
		return t.literal(set[0][0], flags)
	}
	r, err := t.rune()
	if err != nil {
		return "", 0, err
	}
	return t.literal(r, flags)
}

func (t *translator) literal(r rune, flags regexFlags) (string, rune, error) {
	set := [][2]rune{{r, r}}
	if flags.fold {
		if _, ok := t.tables.many[r]; ok {
			return "", 0, unsupported("folding the case of %q, which is several characters then,", r)
		}
		set = t.tables.cases(r)
	}
	return classText(set), r, nil
}

func (t *translator) group(depth int, flags regexFlags) (string, error) {
	t.at++
	open, around := "(?:", false
	if t.take("?") {
		end := strings.IndexAny(t.in[t.at:], ":)")
		switch {
		case t.take(":"):
		case t.take("="):
			open, around = "(?=", true
		case t.take("!"):
			open, around = "(?!", true
		case t.take("<="):
			open, around = "(?<=", true
		case t.take("<!"):
			open, around = "(?<!", true
		case t.take(">"):
			open = "(?>"
			if t.behind > 0 {
				return "", errAtomicBehind
			}
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
	if around { // its literals are no neighbours of those outside
		t.previous = 0
	}
	if strings.HasPrefix(open, "(?<") {
		t.behind++
		defer func() { t.behind-- }()
	}
	inside, err := t.alternatives(depth+1, flags)
	if err != nil {
		return "", err
	}
	if !t.take(")") {
		return "", fmt.Errorf("missing )")
	}
	if around {
		t.previous = 0
	}
	return open + inside + ")", nil
}

// escape reads \x; single says that it stands for one rune. Some are other runes within brackets.
func (t *translator) escape(bracketed bool) (set [][2]rune, single bool, err error) {
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
	case '0':
		if t.at == len(t.in) || t.in[t.at] < '0' || t.in[t.at] > '7' {
			return one(0)
		}
	case 'd', 'D':
		return named(t.tables.category("Nd"), r == 'D')
	case 's', 'S':
		return named(spaceRanges(), r == 'S')
	case 'w', 'W':
		return named(t.tables.words(bracketed), r == 'W')
	case 'h', 'H':
		return named(hexRanges, r == 'H')
	case 'p', 'P':
		ranges, not, err := t.property(bracketed)
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

// property reads {Name} or {^Name} behind \p.
func (t *translator) property(bracketed bool) (ranges [][2]rune, not bool, err error) {
	end := strings.IndexByte(t.in[t.at:], '}')
	if !t.take("{") || end < 0 {
		return nil, false, unsupported(`\p without {name}`)
	}
	name := t.in[t.at : t.at+end-1]
	t.at += end
	name, not = strings.CutPrefix(name, "^")
	if ranges = t.tables.property(name, bracketed); ranges == nil {
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

// outerClass reads a bracketed class. Folding case applies to the whole of it, and a class that is not negated then
// matches what its runes fold to as well: [ß] is ß, ẞ and ss in all their cases.
func (t *translator) outerClass(depth int, flags regexFlags) (string, error) {
	set, not, err := t.class(depth)
	if err != nil {
		return "", err
	}
	if !flags.fold {
		if not {
			set = complement(set)
		}
		return classText(set), nil
	}
	set = t.tables.closed(set)
	if not {
		return classText(complement(set)), nil
	}
	var out strings.Builder
	out.WriteString("(?:" + classText(set))
	for _, folded := range t.tables.strings(set) {
		out.WriteByte('|')
		for _, r := range folded {
			out.WriteString(classText(t.tables.cases(r)))
		}
	}
	return out.String() + ")", nil
}

// class reads a bracketed class, which in Ruby may hold classes and intersections, without its negation.
func (t *translator) class(depth int) (set [][2]rune, not bool, err error) {
	if depth > maxDepth {
		return nil, false, fmt.Errorf("more than %d classes within classes", maxDepth)
	}
	if t.has("[]") || t.has("[^]") {
		return nil, false, unsupported("the class %.8s", t.in[t.at:])
	}
	t.at++
	not = t.take("^")
	var all [][2]rune
	intersection := false
	for !t.take("]") {
		if t.take("&&") {
			if intersection {
				set = intersect(all, normalizeRanges(set))
			}
			all, set, intersection = normalizeRanges(set), nil, true
			continue
		}
		part, single, err := t.classPart(depth)
		if err != nil {
			return nil, false, err
		}
		if single && t.has("-") && !t.has("-]") && !t.has("-[") && !t.has("-&&") {
			t.at++
			high, ok, err := t.classPart(depth)
			if err != nil {
				return nil, false, err
			}
			if !ok || high[0][0] < part[0][0] {
				return nil, false, unsupported("the range before %d", t.at)
			}
			part = [][2]rune{{part[0][0], high[0][0]}}
		}
		set = append(set, part...)
	}
	set = normalizeRanges(set)
	if intersection {
		set = intersect(all, set)
	}
	return set, not, nil
}

// classPart reads a rune or a set of runes within a class; single says that it is a rune.
func (t *translator) classPart(depth int) (set [][2]rune, single bool, err error) {
	switch {
	case t.has("[:"):
		name, _, ok := strings.Cut(t.in[t.at+len("[:"):], ":]")
		bare, not := strings.CutPrefix(name, "^")
		if set = t.tables.posix(bare); !ok || set == nil {
			return nil, false, unsupported("the class %.8s", t.in[t.at:])
		}
		t.at += len("[:") + len(name) + len(":]")
		if not {
			set = complement(set)
		}
		return set, false, nil
	case t.has("["):
		set, not, err := t.class(depth + 1)
		if not {
			set = complement(set)
		}
		return set, false, err
	case t.has(`\b`), t.has(`\B`):
		return nil, false, unsupported("%s in a class", t.in[t.at:t.at+2])
	case t.has(`\`):
		return t.escape(true)
	}
	r, err := t.rune()
	return [][2]rune{{r, r}}, true, err
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
