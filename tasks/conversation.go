package tasks

import (
	"strings"
	"unicode"
)

// A Turn is one message of a conversation.
type Turn struct {
	Role string // [RoleSystem], [RoleUser] or [RoleAssistant]
	Text string
}

// The roles of turns.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Conversations returns the turns of each of the example's texts, for models that read conversations:
//
//   - A dialogue (Human: …, Assistant: …) is split into its turns. A turn of the assistant without a text at the end, which asks
//     for a reply, is left out.
//   - A text that ends in a reply (see Replies) is the prompt as a turn of the user, or as a dialogue, and the reply as a turn of
//     the assistant.
//   - Any other text is one turn of the user.
func (e Example) Conversations() [][]Turn { return conversations(e.Texts, e.Replies) }

// ControlConversations returns the turns of each of the example's control texts, as Conversations does for its texts.
func (e Example) ControlConversations() [][]Turn { return conversations(e.Control, e.Replies) }

func conversations(texts, replies []string) [][]Turn {
	out := make([][]Turn, len(texts))
	for i, text := range texts {
		out[i] = turns(text)
		if replies == nil || out[i][len(out[i])-1].Role == RoleAssistant {
			continue
		}
		if prompt, reply := splitReply(text, replies[i]); reply != "" {
			out[i] = append(turns(prompt), Turn{RoleAssistant, reply})
		}
	}
	return out
}

// splitReply splits a text that ends in a reply. reply is "" if the text does not, or has no prompt.
func splitReply(text, ending string) (prompt, reply string) {
	ending = strings.TrimSpace(ending)
	before, ok := strings.CutSuffix(strings.TrimSpace(text), ending)
	if before = strings.TrimSpace(before); !ok || before == "" {
		return text, ""
	}
	return before, ending
}

// turns splits a dialogue into its turns. Another text is one turn of the user.
func turns(text string) []Turn {
	var list []Turn
	// dialogue writes a system turn in front of a dialogue.
	const mark = RoleSystem + ": "
	text = unixLines(text)
	rest := text
	if strings.HasPrefix(text, mark) {
		if at := strings.Index(text, humanTurn); at >= 0 {
			list, rest = []Turn{{RoleSystem, strings.TrimSpace(text[len(mark):at])}}, text[at:]
		}
	}
	said := parseDialogue(rest)
	if said == nil {
		return []Turn{{RoleUser, text}}
	}
	roles := map[string]string{human: RoleUser, assistant: RoleAssistant}
	for _, m := range said {
		list = append(list, Turn{roles[m.speaker], m.content})
	}
	if last := list[len(list)-1]; last.Role == RoleAssistant && last.Text == "" {
		list = list[:len(list)-1]
	}
	return list
}

// Endings splits each of the example's texts into a prompt and the reply in which it ends (see Replies), or the last turn of the
// assistant in a dialogue. prompts[i] followed by endings[i] is text i without white space at its end, and the white space between
// prompt and reply belongs to the ending. Both are nil if a text does not end in a reply.
func (e Example) Endings() (prompts, endings []string) {
	for i, turns := range e.Conversations() {
		last := turns[len(turns)-1]
		text := strings.TrimRightFunc(e.Texts[i], unicode.IsSpace)
		prompt := strings.TrimRightFunc(strings.TrimSuffix(text, last.Text), unicode.IsSpace)
		if last.Role != RoleAssistant || last.Text == "" || !strings.HasSuffix(text, last.Text) || prompt == "" {
			return nil, nil
		}
		prompts, endings = append(prompts, prompt), append(endings, text[len(prompt):])
	}
	return prompts, endings
}
