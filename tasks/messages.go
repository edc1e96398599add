package tasks

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A message is one turn of a dialogue, as chat data sets store it.
type message struct{ speaker, content string }

// messages reads a dialogue from a column: a list of messages with role and content (or from and value), a single message, or
// either as JSON text, as in a CSV file. ok is false if the column holds something else, such as another text.
func (r *row) messages(column string) (list []message, ok bool) {
	value, _ := r.value(column)
	if text, isText := value.(string); isText && messageText.MatchString(text) {
		var fault string
		if value, fault = decodeMessages(text); fault != "" {
			r.fail("%q: %s", column, fault)
			return nil, true
		}
	}
	items, ok := value.([]any)
	if one, isRecord := value.(map[string]any); isRecord && firstOf(one, "content", "value") != nil {
		items, ok = []any{one}, true
	}
	if !ok {
		return nil, false
	}
	for i, item := range items {
		record, isRecord := item.(map[string]any)
		if !isRecord && i == 0 {
			return nil, false
		}
		content, ok := content(record)
		if !ok {
			r.fail("%q: message %d has no text under \"content\"", column, i+1)
			return nil, true
		}
		role, _ := firstOf(record, "role", "from").(string)
		list = append(list, message{speaker(role), content})
	}
	return list, true
}

// messageText matches a text that looks like messages in JSON or in Python's notation.
var messageText = regexp.MustCompile(`^\s*(\[\s*)?\{\s*(["'])(?:role|content|from|value)["']\s*:`)

// roles are the roles that a message in JSON text may have. Other JSON text is no message.
var roles = []string{"user", "human", "prompter", "assistant", "gpt", "model", "bot", "system", "developer", "tool", "function",
	"function_call", "observation"}

// decodeMessages returns the value that a text stands for if the text is messages in JSON, and otherwise the text. fault is not
// empty if the text is a damaged list of messages.
func decodeMessages(text string) (value any, fault string) {
	err := json.Unmarshal([]byte(text), &value)
	if err != nil {
		has := func(key string) bool {
			return strings.Contains(text, `"`+key+`"`) || strings.Contains(text, "'"+key+"'")
		}
		begin := messageText.FindStringSubmatch(text)
		switch list, quote := begin[1], begin[2]; {
		case list == "" || !(has("role") && has("content") || has("from") && has("value")):
			return text, ""
		case quote == "'":
			return nil, "a list of messages in Python's notation, which is not JSON (write it with json.dumps, or the rows as JSONL or parquet)"
		}
		return nil, fmt.Sprintf("a list of messages that is not whole JSON (%v)", err)
	}
	items, ok := value.([]any)
	if !ok {
		items = []any{value}
	}
	for _, item := range items {
		record, _ := item.(map[string]any)
		role, _ := firstOf(record, "role", "from").(string)
		if _, ok := content(record); !ok || !slices.Contains(roles, strings.ToLower(role)) {
			return text, ""
		}
	}
	return value, ""
}

// content returns the content of a message: a text, or a list of parts with texts.
func content(record map[string]any) (text string, ok bool) {
	value := firstOf(record, "content", "value")
	if text, ok := value.(string); ok {
		return text, true
	}
	parts, ok := value.([]any)
	var texts []string
	for _, p := range parts {
		part, _ := p.(map[string]any)
		text, isText := part["text"].(string)
		if !isText {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "\n"), ok && len(texts) > 0
}

// firstOf returns the value of the first of the keys that a record has, or nil.
func firstOf(record map[string]any, keys ...string) any {
	for _, k := range keys {
		if v := record[k]; v != nil {
			return v
		}
	}
	return nil
}

// speaker returns what the HH dialogues call the role of a message.
func speaker(role string) string {
	switch strings.ToLower(role) {
	case "user", "human", "prompter", "":
		return human
	case "assistant", "gpt", "model", "bot":
		return assistant
	}
	return role
}

// The speakers of the HH dialogues.
const (
	human     = "Human"
	assistant = "Assistant"
)

// dialogue writes messages as the HH dialogues do, without the empty lines at the start.
func dialogue(list []message) string {
	turns := make([]string, len(list))
	for i, m := range list {
		turns[i] = m.speaker + ": " + m.content
	}
	return strings.Join(turns, "\n\n")
}

// spoken returns the content of a single message, and the dialogue of several.
func spoken(list []message) string {
	if len(list) == 1 {
		return list[0].content
	}
	return dialogue(list)
}

// parseDialogue splits a text such as "\n\nHuman: …\n\nAssistant: …" into its messages. It returns nil for other texts. Lines
// may end in "\r\n".
func parseDialogue(text string) []message {
	text = unixLines(text)
	rest, ok := strings.CutPrefix("\n\n"+strings.TrimSpace(text), humanTurn)
	if !ok {
		return nil
	}
	var list []message
	for who := human; ; {
		next := len(rest)
		following := ""
		for _, other := range []string{human, assistant} {
			if at := strings.Index(rest, "\n\n"+other+":"); at >= 0 && at < next {
				next, following = at, other
			}
		}
		list = append(list, message{who, strings.TrimSpace(rest[:next])})
		if following == "" {
			return list
		}
		rest = rest[next+len("\n\n"+following+":"):]
		who = following
	}
}

const (
	humanTurn     = "\n\n" + human + ":"
	assistantTurn = "\n\n" + assistant + ":"
)

// unixLines returns a text with lines that end in "\n".
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// same reports whether two messages say the same, but for white space.
func (m message) same(o message) bool {
	rest, ok := cutSpaced(m.content, o.content)
	return ok && rest == "" && m.speaker == o.speaker
}

// cutSpaced is strings.CutPrefix for texts in which all white space counts as equal, such as "\n" and "\r\n". White space at the
// ends of both texts, and at the ends of their lines, does not count.
func cutSpaced(text, prefix string) (rest string, ok bool) {
	text, prefix = strings.TrimSpace(text), strings.TrimSpace(prefix)
	for prefix != "" {
		t, n := utf8.DecodeRuneInString(text)
		p, m := utf8.DecodeRuneInString(prefix)
		switch {
		case unicode.IsSpace(t) && unicode.IsSpace(p):
			text, prefix = strings.TrimLeftFunc(text, unicode.IsSpace), strings.TrimLeftFunc(prefix, unicode.IsSpace)
		case n == 0 || text[:n] != prefix[:m]:
			return "", false
		default:
			text, prefix = text[n:], prefix[m:]
		}
	}
	return text, true
}

// A reply is a candidate of a preference pair, split into the prompt that it answers and the answer.
type reply struct {
	prompt, answer string // what a template shows for the prompt and the candidate
	whole          string // both as one text, with the prompt once; "" if only a template can join them
	before         string // the prompt as a dialogue, by which pairs are grouped; "" if it is no dialogue
}

// replies reads the candidates of a preference pair and the prompt in another column; prompt is "" if there is none. Prompt
// and candidates are texts or lists of messages. If the candidates repeat the prompt, it is used once.
func (r *row) replies(prompt string, candidates ...string) []reply {
	if prompt == "" {
		return r.unprompted(candidates)
	}
	asked, askedInMessages := r.messages(prompt)
	if last := len(asked) - 1; last > 0 && asked[last].speaker == assistant && r.anyEnds(asked, candidates) {
		asked = asked[:last] // the column holds the whole conversation with one of the replies
	}
	question := ""
	if !askedInMessages {
		question = r.text(prompt)
	}
	out, repeated := make([]reply, len(candidates)), make([]bool, len(candidates))
	for i, c := range candidates {
		said, inMessages := r.messages(c)
		switch {
		case inMessages && askedInMessages:
			out[i] = joined(asked, said[repeats(said, asked):])
		case inMessages:
			before := promptMessages(question)
			if n := askedBy(said, question); n > 0 {
				before, said = said[:n], said[n:]
			}
			out[i] = joined(before, said)
		case askedInMessages:
			out[i] = joined(asked, []message{{assistant, afterDialogue(r.text(c), asked)}})
		default:
			out[i], repeated[i] = replyInText(question, r.text(c))
		}
	}
	if slices.Contains(repeated, false) {
		// A single reply may start with the words of the prompt by chance.
		for i, c := range candidates {
			if repeated[i] {
				out[i] = reply{prompt: question, answer: r.text(c)}
			}
		}
	}
	return out
}

// unprompted reads candidates without a prompt in another column. Candidates in messages have a prompt if they start with the
// same ones.
func (r *row) unprompted(candidates []string) []reply {
	out, lists := make([]reply, len(candidates)), make([][]message, len(candidates))
	for i, c := range candidates {
		list, ok := r.messages(c)
		if !ok {
			out[i].answer = r.text(c)
			continue
		}
		lists[i], out[i].answer = list, dialogue(list)
	}
	shared := lists[0]
	for _, list := range lists[1:] {
		shared = shared[:commonMessages(shared, list)]
	}
	for i := range out {
		out[i].before = dialogue(shared)
	}
	return out
}

// anyEnds reports whether a dialogue ends with what one of the columns holds: a reply or the whole dialogue.
func (r *row) anyEnds(dialogue []message, columns []string) bool {
	return slices.ContainsFunc(columns, func(c string) bool {
		said, ok := r.messages(c)
		if !ok {
			said = []message{{assistant, r.text(c)}}
		}
		before := len(dialogue) - len(said)
		return len(said) > 0 && before >= 0 && commonMessages(said, dialogue[before:]) == len(said)
	})
}

// commonMessages returns the number of messages that two dialogues start with.
func commonMessages(a, b []message) int {
	n := 0
	for n < min(len(a), len(b)) && a[n].same(b[n]) {
		n++
	}
	return n
}

// repeats returns the number of messages of the prompt if the dialogue starts with all of them, and otherwise 0.
func repeats(list, prompt []message) int {
	if commonMessages(list, prompt) == len(prompt) {
		return len(prompt)
	}
	return 0
}

// joined returns the reply that consists of messages.
func joined(prompt, answer []message) reply {
	if len(answer) == 0 {
		return reply{} // an empty answer is a fault
	}
	return reply{prompt: spoken(prompt), answer: spoken(answer), whole: dialogue(slices.Concat(prompt, answer)), before: dialogue(prompt)}
}

// promptMessages returns the messages of a prompt that is a text.
func promptMessages(text string) []message {
	list := parseDialogue(text)
	if list == nil {
		return []message{{human, strings.TrimSpace(text)}}
	}
	if last := list[len(list)-1]; last.speaker == assistant && last.content == "" {
		list = list[:len(list)-1] // the prompt ends in "Assistant:"
	}
	return list
}

// askedBy returns the number of messages at the start of a dialogue that end with the prompt, or 0. The prompt is a single
// message, or all of these messages written as a dialogue.
func askedBy(list []message, prompt string) int {
	asked := promptMessages(prompt)
	if n := repeats(list, asked); n > 0 {
		return n
	}
	return 1 + slices.IndexFunc(list, func(m message) bool { return m.same(message{human, prompt}) })
}

// afterDialogue returns the answer in a text that may repeat the prompt, as a dialogue, before it.
func afterDialogue(text string, prompt []message) string {
	rest, ok := cutSpaced(text, dialogue(prompt))
	if !ok {
		return text
	}
	rest, _ = strings.CutPrefix("\n\n"+strings.TrimSpace(rest), assistantTurn)
	return strings.TrimSpace(rest)
}

// minPromptWords is the number of words from which a prompt that is no dialogue is taken for repeated if the replies start
// with it. Both replies to "Hello" may well start with "Hello".
const minPromptWords = 3

// replyInText returns the reply in a text, and whether the text repeats the prompt.
func replyInText(prompt, text string) (out reply, repeated bool) {
	out = reply{prompt: prompt, answer: text}
	asked, whole := strings.TrimSpace(prompt), strings.TrimSpace(text)
	isDialogue := parseDialogue(asked) != nil
	if rest, ok := cutSpaced(whole, asked); ok && asked != "" && (isDialogue || len(strings.Fields(asked)) >= minPromptWords) &&
		!insideWord(asked, rest) {
		return reply{prompt: prompt, answer: strings.TrimSpace(rest), whole: whole}, true
	}
	if said := parseDialogue(whole); said != nil && !isDialogue {
		if n := askedBy(said, asked); n > 0 {
			return reply{prompt: prompt, answer: spoken(said[n:]), whole: whole}, true
		}
	}
	return out, false
}

// insideWord reports whether cutting a text between before and after cuts a word.
func insideWord(before, after string) bool {
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	return inWord(last) && inWord(first)
}
