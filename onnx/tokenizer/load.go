package tokenizer

import "fmt"

// Tokenizer is a loaded tokenizer.json. It is immutable and safe for concurrent use.
type Tokenizer struct{}

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) {
	return nil, fmt.Errorf("tokenizer: %w yet", ErrUnsupported)
}

// Parse reads the contents of a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) {
	return nil, fmt.Errorf("tokenizer: %w yet", ErrUnsupported)
}

// Encode gives the ids of one text.
func (t *Tokenizer) Encode(text string, o Options) (Encoding, error) {
	return Encoding{}, fmt.Errorf("tokenizer: %w yet", ErrUnsupported)
}

// EncodePair gives the ids of two texts joined by the post-processor's pair template.
func (t *Tokenizer) EncodePair(first, second string, o Options) (Encoding, error) {
	return Encoding{}, fmt.Errorf("tokenizer: %w yet", ErrUnsupported)
}

// Decode turns ids back into text; skipSpecials leaves out special tokens.
func (t *Tokenizer) Decode(ids []int64, skipSpecials bool) (string, error) {
	return "", fmt.Errorf("tokenizer: %w yet", ErrUnsupported)
}

// VocabSize is the number of tokens, added ones included.
func (t *Tokenizer) VocabSize() int { return 0 }

// ID gives the id of a token.
func (t *Tokenizer) ID(token string) (int64, bool) { return 0, false }

// Token gives the token of an id.
func (t *Tokenizer) Token(id int64) (string, bool) { return "", false }

// Padding gives the padding section of the file, false when it has none.
func (t *Tokenizer) Padding() (Padding, bool) { return Padding{}, false }

// Truncation gives the truncation section of the file, false when it has none.
func (t *Tokenizer) Truncation() (Truncation, bool) { return Truncation{}, false }
