package inputfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// JSON decodes a JSON file into a Go value. The error says what is wrong in JSON's terms.
func JSON(data []byte, into any) error {
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		return errors.New("it begins with a byte order mark, which JSON does not allow (save it as UTF-8 without one)")
	}
	err := json.Unmarshal(data, into)
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field == "":
		return fmt.Errorf("%s, want %s", found(mismatch.Value), JSONKind(mismatch.Type))
	case errors.As(err, &mismatch):
		return fmt.Errorf("%s: %s, want %s", mismatch.Field, found(mismatch.Value), JSONKind(mismatch.Type))
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return err
}

// found returns what the decoder found, such as "array", in a form like that of [JSONKind].
func found(value string) string {
	switch value {
	case "array":
		return "a list"
	case "bool":
		return "true or false"
	case "object":
		return "an object"
	}
	return "a " + value // a string, a number, or the digits of a number that does not fit
}

// JSONKind returns the JSON that is decoded into a Go type, such as "a number" or "a list of strings".
func JSONKind(t reflect.Type) string {
	one, many := jsonKind(t)
	if one == "" {
		return many
	}
	return one + " " + many
}

// jsonKind returns the article and the name of the JSON of a Go type.
func jsonKind(t reflect.Type) (article, name string) {
	switch t.Kind() {
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Bool:
		return "", "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a", "whole number"
	case reflect.Float32, reflect.Float64:
		return "a", "number"
	case reflect.String:
		return "a", "string"
	case reflect.Slice, reflect.Array:
		if article, name := jsonKind(t.Elem()); article != "" && t.Elem().Kind() != reflect.Slice {
			return "a", "list of " + name + "s"
		}
		return "a", "list"
	}
	return "an", "object"
}
