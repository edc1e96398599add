package onnx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"w2s/internal/inputfile"
	"w2s/onnx/chat"
)

// chatFile is the file with a chat template alone. It takes precedence over tokenizer_config.json.
const chatFile = "chat_template.jinja"

// maxChatFile bounds the size of the file with a chat template in bytes.
const maxChatFile = 1 << 20

// A specialTokenText is the text of a special token, which tokenizer_config.json gives as a text or as a record.
type specialTokenText string

func (s *specialTokenText) UnmarshalJSON(data []byte) error {
	var record struct{ Content string }
	if err := json.Unmarshal(data, (*string)(s)); err == nil {
		return nil
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return fmt.Errorf("%.40s is neither the text of a special token nor a record with its content", data)
	}
	*s = specialTokenText(record.Content)
	return nil
}

// specialTokenTexts are the special tokens that a chat template can name.
type specialTokenTexts struct {
	BOS  specialTokenText `json:"bos_token"`
	EOS  specialTokenText `json:"eos_token"`
	UNK  specialTokenText `json:"unk_token"`
	SEP  specialTokenText `json:"sep_token"`
	PAD  specialTokenText `json:"pad_token"`
	CLS  specialTokenText `json:"cls_token"`
	MASK specialTokenText `json:"mask_token"`
}

// byName returns the tokens that are set, by the names that a template uses.
func (s specialTokenTexts) byName() map[string]string {
	out := map[string]string{}
	for name, token := range map[string]specialTokenText{"bos_token": s.BOS, "eos_token": s.EOS, "unk_token": s.UNK, "sep_token": s.SEP,
		"pad_token": s.PAD, "cls_token": s.CLS, "mask_token": s.MASK} {
		if token != "" {
			out[name] = string(token)
		}
	}
	return out
}

// chatTemplate reads the chat template of a checkpoint from the first of the folders that has one. Of several templates in
// tokenizer_config.json, it takes the one named default, as transformers does.
func chatTemplate(dirs ...string) (*chat.Template, error) {
	for _, dir := range dirs {
		var config struct {
			ChatTemplate json.RawMessage `json:"chat_template"`
			specialTokenTexts
		}
		if err := readConfig(filepath.Join(dir, "special_tokens_map.json"), &config.specialTokenTexts); err != nil {
			return nil, err
		}
		if err := readConfig(filepath.Join(dir, "tokenizer_config.json"), &config); err != nil {
			return nil, err
		}
		source, err := inputfile.Read(filepath.Join(dir, chatFile), maxChatFile)
		name := chatFile
		if errors.Is(err, fs.ErrNotExist) {
			name = "tokenizer_config.json"
			source, err = templateSource(config.ChatTemplate)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if source == nil {
			continue
		}
		t, err := chat.Parse(string(source), config.byName())
		if err == nil {
			err = try(t)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("the checkpoint has no chat template, neither %s nor chat_template in tokenizer_config.json (leave @chat out, or save the "+
		"template of the model beside tokenizer.json)", chatFile)
}

// try renders short conversations, so that a template that cannot be rendered at all, or that leaves out what the user says, is found
// before any text is encoded.
func try(t *chat.Template) error {
	var texts [2]string
	for i, content := range []string{"text", "another text"} {
		var err error
		if texts[i], err = t.Render([]chat.Message{{Role: "user", Content: content}}, true); err != nil {
			return err
		}
	}
	if texts[0] == texts[1] {
		return fmt.Errorf("the chat template writes %.40q, whatever the user says", texts[0])
	}
	return nil
}

// templateSource returns the template of tokenizer_config.json: a text, or a list of templates with names. It is nil if there is
// none.
func templateSource(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return []byte(text), nil
	}
	var list []struct{ Name, Template string }
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("chat_template is neither a text nor a list of templates with names")
	}
	for _, t := range list {
		if t.Name == "default" {
			return []byte(t.Template), nil
		}
	}
	return nil, fmt.Errorf("none of the %d templates of chat_template is named default", len(list))
}
