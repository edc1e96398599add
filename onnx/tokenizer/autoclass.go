package tokenizer

import (
	"fmt"
	"slices"
	"strings"
)

// An autoClass is what a fast tokenizer class of transformers 4.57 does to the tokenizer.json that it loads. The zero value
// is PreTrainedTokenizerFast.
type autoClass struct {
	tokens     [len(tokenRoles)]string                            // default special tokens by role, "" for none
	wrapped    string                                             // roles whose plain strings become tokens that strip nothing
	asSpecial  bool                                               // these tokens are special and not normalized from the start
	mask       *addedToken                                        // what a plain string of the role mask_token becomes, nil to leave it as it is
	noDecoder  bool                                               // whether added_tokens_decoder is ignored
	additional func(given []tokenValue, s *settings) []tokenValue // the other special tokens; given is nil if no setting names any
	rule       classRule
	prefix     prefixRule
	convert    conversion
	note       string // what else the class does, for a note
}

// tokenRoles are the settings that name one special token each, in the order in which missing ones are added.
var tokenRoles = [...]string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// A classRule is what a class does after the tokens are added.
type classRule int

const (
	noRule           classRule = iota
	bertRule                   // set lower case, accents and Chinese characters of a BertNormalizer
	bertNoChinese              // like bertRule, but leave the Chinese characters if only they differ
	templateRule               // replace the post-processor, with the bos token by default
	templateNoBOS              // like templateRule, without the bos token by default
	backendRule                // like templateRule if add_bos_token or add_eos_token is set (the base class of transformers 5)
	templateNested             // templateRule, and add_prefix_space is set in nested pre-tokenizers too
	nestedPrefixRule           // only add_prefix_space in nested pre-tokenizers
)

// A prefixRule is the add_prefix_space of a class if no setting says otherwise. It is applied to a ByteLevel pre-tokenizer.
type prefixRule int

const (
	prefixOff     prefixRule = iota // false
	prefixOn                        // true
	prefixFile                      // what tokenizer.json says; a setting needs the SentencePiece model
	prefixIgnored                   // what tokenizer.json says, whatever the setting
)

// A conversion is how a class makes a tokenizer from vocabulary files.
type conversion int

const (
	noConversion conversion = iota
	convertBert
	convertGPT2
	convertRoberta
)

func roles(bos, eos, unk, sep, pad, cls, mask string) [len(tokenRoles)]string {
	return [...]string{bos, eos, unk, sep, pad, cls, mask}
}

var (
	stripsLeft        = &addedToken{lstrip: true}
	stripsLeftRaw     = &addedToken{lstrip: true, normalized: new(bool)}
	stripsLeftSpecial = &addedToken{lstrip: true, special: true}
	stripsLeftBart    = &addedToken{lstrip: true, special: true, normalized: &yes}
	yes               = true

	bertTokens    = roles("", "", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
	gpt2Tokens    = roles("<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "", "", "", "")
	robertaTokens = roles("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>")
	albertTokens  = roles("[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]")
	xlnetTokens   = roles("<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>")
	llamaTokens   = roles("<s>", "</s>", "<unk>", "", "", "", "")
	t5Tokens      = roles("", "</s>", "<unk>", "", "<pad>", "", "")

	bertClass    = autoClass{tokens: bertTokens, rule: bertRule, convert: convertBert}
	robertaClass = autoClass{tokens: robertaTokens, mask: stripsLeftRaw, convert: convertRoberta}
	bartClass    = autoClass{tokens: robertaTokens, mask: stripsLeftBart}
)

// allRoles are the roles of classes that wrap all tokens but the mask.
const allRoles = "bos_token eos_token unk_token sep_token pad_token cls_token"

const (
	pretokenized = "reads words and their places on a page"
	language     = "adds the token of a language"
	jieba        = "splits Chinese words with jieba"
)

// autoClasses are the fast classes of transformers 4.57.
var autoClasses = map[string]autoClass{
	"PreTrainedTokenizerFast":         {},
	"TokenizersBackend":               {rule: backendRule, prefix: prefixIgnored},
	"BertTokenizerFast":               bertClass,
	"ConvBertTokenizerFast":           bertClass,
	"DistilBertTokenizerFast":         bertClass,
	"DPRContextEncoderTokenizerFast":  bertClass,
	"DPRQuestionEncoderTokenizerFast": bertClass,
	"DPRReaderTokenizerFast":          bertClass,
	"ElectraTokenizerFast":            bertClass,
	"LayoutLMTokenizerFast":           bertClass,
	"LxmertTokenizerFast":             bertClass,
	"MobileBertTokenizerFast":         bertClass,
	"RealmTokenizerFast":              bertClass,
	"RetriBertTokenizerFast":          bertClass,
	"SqueezeBertTokenizerFast":        bertClass,
	"FunnelTokenizerFast":             {tokens: xlnetTokens, rule: bertRule},
	"LayoutLMv2TokenizerFast":         {tokens: bertTokens, rule: bertNoChinese, note: pretokenized},
	"MPNetTokenizerFast": {tokens: roles("<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"), wrapped: allRoles, mask: stripsLeft,
		rule: bertNoChinese},
	"RoFormerTokenizerFast": {tokens: bertTokens, rule: bertNoChinese, note: jieba},
	"SplinterTokenizerFast": {tokens: bertTokens, rule: bertNoChinese, additional: atLeast("[QUESTION]")},

	"GPT2TokenizerFast":    {tokens: gpt2Tokens, convert: convertGPT2},
	"CodeGenTokenizerFast": {tokens: gpt2Tokens},
	"WhisperTokenizerFast": {tokens: gpt2Tokens, wrapped: "bos_token eos_token unk_token", asSpecial: true},
	"GPTNeoXTokenizerFast": {tokens: gpt2Tokens, rule: templateNoBOS},
	"BloomTokenizerFast":   {tokens: roles("<s>", "</s>", "<unk>", "", "<pad>", "", ""), rule: nestedPrefixRule},
	"Qwen2TokenizerFast": {tokens: roles("", "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "", ""),
		wrapped: "bos_token eos_token unk_token pad_token", asSpecial: true},
	"CLIPTokenizerFast":      {tokens: roles("<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "", "<|endoftext|>", "", "")},
	"OpenAIGPTTokenizerFast": {tokens: roles("", "", "<unk>", "", "", "", "")},
	"DebertaTokenizerFast":   {tokens: roles("[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")},
	"HerbertTokenizerFast":   {tokens: roles("", "", "<unk>", "</s>", "<pad>", "<s>", "<mask>")},

	"RobertaTokenizerFast":    robertaClass,
	"BlenderbotTokenizerFast": {tokens: robertaTokens, mask: stripsLeftRaw},
	"LongformerTokenizerFast": robertaClass,
	"BartTokenizerFast":       bartClass,
	"LEDTokenizerFast":        bartClass,
	"MvpTokenizerFast":        {tokens: robertaTokens, wrapped: allRoles, mask: stripsLeft},
	"LayoutLMv3TokenizerFast": {tokens: robertaTokens, prefix: prefixOn, note: pretokenized},
	"MarkupLMTokenizerFast":   {tokens: robertaTokens, wrapped: allRoles, mask: stripsLeft, note: pretokenized},

	"LlamaTokenizerFast": {tokens: llamaTokens, rule: templateRule, prefix: prefixFile},
	"CodeLlamaTokenizerFast": {tokens: llamaTokens, rule: templateRule, additional: func(given []tokenValue, _ *settings) []tokenValue {
		return append(given, plainTokens("▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>")...)
	}},
	"GemmaTokenizerFast": {tokens: roles("<bos>", "<eos>", "<unk>", "", "<pad>", "", ""), rule: templateRule},
	"CohereTokenizerFast": {tokens: roles("<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "", "", "", ""),
		rule: templateNested},

	"AlbertTokenizerFast":  {tokens: albertTokens, mask: stripsLeftRaw},
	"RemBertTokenizerFast": {tokens: albertTokens, mask: stripsLeft},
	"BarthezTokenizerFast": {tokens: robertaTokens, mask: stripsLeft},
	"BigBirdTokenizerFast": {tokens: roles("<s>", "</s>", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"), wrapped: allRoles, mask: stripsLeft},
	"CamembertTokenizerFast": {tokens: robertaTokens, mask: stripsLeftSpecial,
		additional: orElse("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED")},
	"DebertaV2TokenizerFast":   {tokens: roles("[CLS]", "[SEP]", "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")},
	"FNetTokenizerFast":        {tokens: roles("", "", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"), wrapped: "cls_token sep_token", mask: stripsLeft},
	"NougatTokenizerFast":      {tokens: roles("<s>", "</s>", "<unk>", "", "<pad>", "", "")},
	"ParakeetTokenizerFast":    {},
	"PegasusTokenizerFast":     {tokens: roles("", "</s>", "<unk>", "", "<pad>", "", "<mask_2>"), additional: pegasusTokens, noDecoder: true},
	"ReformerTokenizerFast":    {tokens: roles("", "</s>", "<unk>", "", "", "", "")},
	"T5TokenizerFast":          {tokens: t5Tokens, additional: t5Extra, prefix: prefixFile},
	"MT5TokenizerFast":         {tokens: t5Tokens, additional: t5Extra, prefix: prefixFile},
	"UdopTokenizerFast":        {tokens: roles("", "</s>", "<unk>", "</s>", "<pad>", "", ""), note: pretokenized},
	"XGLMTokenizerFast":        {tokens: roles("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", ""), additional: atLeast(numbered("<madeupword%d>", 0, 7)...)},
	"XLMRobertaTokenizerFast":  {tokens: robertaTokens, mask: stripsLeft},
	"XLNetTokenizerFast":       {tokens: xlnetTokens, mask: stripsLeft, additional: orElse("<eop>", "<eod>")},
	"CpmTokenizerFast":         {tokens: xlnetTokens, mask: stripsLeft, additional: orElse("<eop>", "<eod>"), note: jieba},
	"LayoutXLMTokenizerFast":   {tokens: robertaTokens, mask: stripsLeft, note: pretokenized},
	"MBartTokenizerFast":       {tokens: robertaTokens, mask: stripsLeft, note: language},
	"MBart50TokenizerFast":     {tokens: roles("", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"), mask: stripsLeft, note: language},
	"NllbTokenizerFast":        {tokens: robertaTokens, mask: stripsLeftBart, note: language},
	"SeamlessM4TTokenizerFast": {tokens: roles("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", ""), note: language},
}

// modelTypes names the class of the model_type values of config.json, for files that name no tokenizer_class.
var modelTypes = map[string]string{
	"CLIPTokenizerFast":   "aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit xclip",
	"AlbertTokenizerFast": "albert nystromformer yoso",
	"BertTokenizerFast": "align bark bert blip bros chinese_clip ernie git grounding-dino megatron-bert mm-grounding-dino nezha qdqbert tvp " +
		"vilt visual_bert",
	"LlamaTokenizerFast": "arcee aria chameleon colpali deepseek_v2 deepseek_v3 deepseek_vl deepseek_vl_hybrid diffllama ernie4_5 " +
		"ernie4_5_moe idefics idefics2 idefics3 jamba janus jetmoe llama llama4 llama4_text llava llava_next llava_next_video llava_onevision " +
		"ministral mistral mistral3 mixtral mllama paligemma persimmon phi3 phimoe video_llava vipllava zamba zamba2",
	"CohereTokenizerFast":  "aya_vision cohere cohere2",
	"BartTokenizerFast":    "bart",
	"BarthezTokenizerFast": "barthez",
	"BigBirdTokenizerFast": "big_bird",
	"PegasusTokenizerFast": "bigbird_pegasus pegasus pegasus_x",
	"PreTrainedTokenizerFast": "bitnet blt csm falcon glm glm4 glm4_moe glm4v glm4v_moe gpt_oss helium kosmos-2.5 modernbert moonshine moshi " +
		"nemotron pixtral smollm3 voxtral",
	"BlenderbotTokenizerFast": "blenderbot",
	"GPT2TokenizerFast": "blip-2 dbrx emu3 exaone4 flex_olmo gpt2 gpt_bigcode gpt_neo gptj instructblip instructblipvideo minimax olmo3 opt " +
		"starcoder2",
	"BloomTokenizerFast":     "bloom",
	"RobertaTokenizerFast":   "bridgetower clap data2vec-text ibert mega mra roberta roberta-prelayernorm",
	"CamembertTokenizerFast": "camembert",
	"CodeLlamaTokenizerFast": "code_llama",
	"CodeGenTokenizerFast":   "codegen phi",
	"Qwen2TokenizerFast": "colqwen2 internvl qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_moe qwen3_next " +
		"qwen3_omni_moe qwen3_vl qwen3_vl_moe",
	"ConvBertTokenizerFast":           "convbert",
	"CpmTokenizerFast":                "cpm",
	"DebertaTokenizerFast":            "deberta",
	"DebertaV2TokenizerFast":          "deberta-v2",
	"DistilBertTokenizerFast":         "distilbert",
	"DPRQuestionEncoderTokenizerFast": "dpr",
	"ElectraTokenizerFast":            "electra",
	"GPTNeoXTokenizerFast":            "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmo2 olmoe rwkv stablelm xlstm",
	"FNetTokenizerFast":               "fnet",
	"FunnelTokenizerFast":             "funnel",
	"GemmaTokenizerFast":              "gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 siglip2 t5gemma",
	"HerbertTokenizerFast":            "herbert",
	"XLMRobertaTokenizerFast":         "kosmos-2 metaclip_2 xlm-roberta xlm-roberta-xl xmod",
	"LayoutLMTokenizerFast":           "layoutlm",
	"LayoutLMv2TokenizerFast":         "layoutlmv2",
	"LayoutLMv3TokenizerFast":         "layoutlmv3 lilt",
	"LayoutXLMTokenizerFast":          "layoutxlm",
	"LEDTokenizerFast":                "led",
	"LongformerTokenizerFast":         "longformer",
	"T5TokenizerFast":                 "longt5 musicgen musicgen_melody pix2struct switch_transformers t5 umt5",
	"LxmertTokenizerFast":             "lxmert",
	"MBartTokenizerFast":              "mbart",
	"MBart50TokenizerFast":            "mbart50",
	"MobileBertTokenizerFast":         "mobilebert",
	"MPNetTokenizerFast":              "mpnet",
	"MT5TokenizerFast":                "mt5",
	"MvpTokenizerFast":                "mvp",
	"NllbTokenizerFast":               "nllb nllb-moe",
	"OpenAIGPTTokenizerFast":          "openai-gpt",
	"RealmTokenizerFast":              "realm",
	"ReformerTokenizerFast":           "reformer",
	"RemBertTokenizerFast":            "rembert",
	"RetriBertTokenizerFast":          "retribert",
	"RoFormerTokenizerFast":           "roformer",
	"SeamlessM4TTokenizerFast":        "seamless_m4t seamless_m4t_v2",
	"SplinterTokenizerFast":           "splinter",
	"SqueezeBertTokenizerFast":        "squeezebert",
	"UdopTokenizerFast":               "udop",
	"WhisperTokenizerFast":            "whisper",
	"XGLMTokenizerFast":               "xglm",
	"XLNetTokenizerFast":              "xlnet",
}

// classOfModel returns the class of a model_type, or "" if there is none.
func classOfModel(modelType string) string {
	for class, types := range modelTypes {
		if modelType != "" && slices.Contains(strings.Fields(types), modelType) {
			return class
		}
	}
	return ""
}

// findClass returns the class that a tokenizer_class names, and its full name, which is "" if the class is unknown.
func findClass(name string) (autoClass, string) {
	for _, full := range []string{name + "Fast", name} {
		if c, ok := autoClasses[full]; ok {
			return c, full
		}
	}
	return autoClass{}, ""
}

func plainTokens(texts ...string) []tokenValue {
	var list []tokenValue
	for _, text := range texts {
		list = append(list, tokenValue{addedToken: addedToken{content: text}, plain: true})
	}
	return list
}

func numbered(format string, from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

// orElse returns the additional special tokens of a class that has default ones.
func orElse(texts ...string) func(given []tokenValue, _ *settings) []tokenValue {
	return func(given []tokenValue, _ *settings) []tokenValue {
		if given == nil {
			return plainTokens(texts...)
		}
		return given
	}
}

// atLeast returns the additional special tokens of a class that appends its own.
func atLeast(texts ...string) func(given []tokenValue, _ *settings) []tokenValue {
	return func(given []tokenValue, _ *settings) []tokenValue {
		for _, own := range plainTokens(texts...) {
			if !slices.ContainsFunc(given, func(t tokenValue) bool { return t.plain && t.content == own.content }) {
				given = append(given, own)
			}
		}
		return given
	}
}

// t5Extra appends the sentinel tokens of T5, unless some are given.
func t5Extra(given []tokenValue, s *settings) []tokenValue {
	if slices.ContainsFunc(given, func(t tokenValue) bool { return strings.Contains(t.content, "<extra_id_") }) {
		return given
	}
	return append(given, plainTokens(numbered("<extra_id_%d>", 0, s.count("extra_ids", 100))...)...)
}

// pegasusTokens adds the sentence mask and the unused tokens.
func pegasusTokens(given []tokenValue, _ *settings) []tokenValue {
	if given == nil {
		return plainTokens(append([]string{"<mask_1>"}, numbered("<unk_%d>", 2, 103)...)...)
	}
	list := given
	if !slices.ContainsFunc(given, func(t tokenValue) bool { return t.plain && t.content == "<mask_1>" }) {
		list = append(plainTokens("<mask_1>"), given...)
	}
	return append(list, plainTokens(numbered("<unk_%d>", len(list), 102)...)...)
}
