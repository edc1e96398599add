package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A translator translates an Oniguruma pattern into regexp2's syntax. Classes become explicit ranges from the library's Unicode
// tables. The translator refuses what the two engines could interpret differently.
type translator struct {
	tables          *unicodeTables
	in              string
	at              int
	previous        rune   // the literal just before, also across groups, for case folding
	required        string // text that is in every match, unless there are alternatives
	hasAlternatives bool   // whether the whole pattern consists of alternatives
	lookBehinds     int    // number of open look-behind groups
}

// regexFlags are flags of Ruby: (?i) ignores case, and (?m) lets the dot match a newline.
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
		return 0, errors.New("it ends too early")
	}
	t.at += size
	return r, nil
}

// alternatives translates alternatives up to the end of a group or of the pattern.
func (t *translator) alternatives(depth int, flags regexFlags) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("groups are nested more than %d levels deep", maxDepth)
	}
	var out strings.Builder
	if set, ok := t.inlineFlags(flags); ok {
		flags = set
	}
	for t.at < len(t.in) && !t.has(")") {
		if t.take("|") {
			out.WriteByte('|')
			t.previous = 0
			t.hasAlternatives = t.hasAlternatives || depth == 0
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
		case literal == 0 && t.in[start] == '(' && repeat.least > 0: // its last literal is a neighbour of what follows
		case literal == 0 || repeat.notLiteral:
			t.previous = 0
		default:
			if pair := [2]rune{t.tables.representative(before), t.tables.representative(literal)}; flags.fold && t.tables.pairs[pair] {
				return "", unsupported("ignoring the case of %q, for which a single character can stand,", []rune{before, literal})
			}
			t.previous = literal
		}
		if literal != 0 && depth == 0 && !flags.fold && repeat.least >= max(1, utf8.RuneCountInString(t.required)) {
			t.required = strings.Repeat(string(literal), repeat.least)
		}
		if out.WriteString(atom); out.Len() > maxTranslated {
			return "", unsupported("an expression with this many classes")
		}
	}
	return out.String(), nil
}

// inlineFlags reads flags like (?i) at the start of a group. At other places Ruby and .NET disagree on their scope.
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

// errAtomicLookBehind refuses what the engines match differently: regexp2 matches a look-behind from right to left, Oniguruma from
// left to right.
var errAtomicLookBehind = unsupported("a possessive repetition or an atomic group in a look-behind")

// A repeat describes the effect of a quantifier on its atom.
type repeat struct {
	least      int  // smallest number of occurrences
	notLiteral bool // whether Oniguruma does not join it with its neighbours to one string
}

// quantified translates the quantifier that may follow an atom. first is the first byte of the atom.
func (t *translator) quantified(atom string, first byte) (string, repeat, error) {
	r := repeat{least: 1}
	start := t.at
	isInterval, fixed := false, false
	switch {
	case t.take("*"), t.take("?"):
		r = repeat{least: 0, notLiteral: true}
	case t.take("+"):
		r.notLiteral = true
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
		if t.lookBehinds > 0 {
			return "", r, errAtomicLookBehind
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

// interval reads {n}, {n,}, {,m} or {n,m}. high is -1 if there is no upper bound. Other braces are literals.
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

// atom translates one element. literal is its rune, if it is a literal.
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
		return "", 0, fmt.Errorf("nothing to repeat at byte %d", t.at)
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
			return classText(set), 0, err // Oniguruma does not ignore the case of these
		}
		return t.literal(set[0][0], flags)
	}
	r, err := t.rune()
	if err != nil {
		return "", 0, err
	}
	return t.literal(r, flags)
}

// literal translates one rune.
func (t *translator) literal(r rune, flags regexFlags) (string, rune, error) {
	set := [][2]rune{{r, r}}
	if flags.fold {
		if _, ok := t.tables.expansion[r]; ok {
			return "", 0, unsupported("ignoring the case of %q, which folds to several characters,", r)
		}
		set = t.tables.cases(r)
	}
	return classText(set), r, nil
}

// group translates a group in parentheses.
func (t *translator) group(depth int, flags regexFlags) (string, error) {
	t.at++
	open, lookAround := "(?:", false
	if t.take("?") {
		end := strings.IndexAny(t.in[t.at:], ":)")
		switch {
		case t.take(":"):
		case t.take("="):
			open, lookAround = "(?=", true
		case t.take("!"):
			open, lookAround = "(?!", true
		case t.take("<="):
			open, lookAround = "(?<=", true
		case t.take("<!"):
			open, lookAround = "(?<!", true
		case t.take(">"):
			open = "(?>"
			if t.lookBehinds > 0 {
				return "", errAtomicLookBehind
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
	if lookAround { // its literals are not neighbours of those outside
		t.previous = 0
	}
	if strings.HasPrefix(open, "(?<") {
		t.lookBehinds++
		defer func() { t.lookBehinds-- }()
	}
	inside, err := t.alternatives(depth+1, flags)
	if err != nil {
		return "", err
	}
	if !t.take(")") {
		return "", errors.New("missing )")
	}
	if lookAround {
		t.previous = 0
	}
	return open + inside + ")", nil
}

// escape reads an escape sequence. single reports whether it stands for one rune. Some sequences mean different runes in a
// bracketed class.
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

// property reads {Name} or {^Name} after \p.
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

// codePoint reads the digits after \x or \u.
func (t *translator) codePoint(kind rune) (rune, error) {
	digits := 2
	if kind == 'u' {
		digits = 4
	}
	var hex string
	if kind == 'x' && t.take("{") {
		end := strings.IndexByte(t.in[t.at:], '}')
		if end < 0 {
			return 0, errors.New(`\x{ without }`)
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

// outerClass translates a bracketed class. Ignoring case applies to the class as a whole. If the class is not negated, it then
// also matches the expansions of its runes: [ß] matches ß, ẞ, and ss in all cases.
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
	set = t.tables.closure(set)
	if not {
		return classText(complement(set)), nil
	}
	var out strings.Builder
	out.WriteString("(?:" + classText(set))
	for _, folded := range t.tables.expansions(set) {
		out.WriteByte('|')
		for _, r := range folded {
			out.WriteString(classText(t.tables.cases(r)))
		}
	}
	return out.String() + ")", nil
}

// class reads a bracketed class, which may contain classes and intersections in Ruby. The negation is not applied to set.
func (t *translator) class(depth int) (set [][2]rune, not bool, err error) {
	if depth > maxDepth {
		return nil, false, fmt.Errorf("classes are nested more than %d levels deep", maxDepth)
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
				return nil, false, unsupported("the range that ends at byte %d", t.at)
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

// classPart reads a rune or a set of runes in a class. single reports whether it is a rune.
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

// classText returns the regexp2 syntax of a class with explicit ranges.
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
		if r[0] >= surrogateMin && r[0] <= surrogateMax { // neither texts nor patterns have them
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
