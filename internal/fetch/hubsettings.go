package fetch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A SettingError is a fault of an environment variable: nothing can be fetched before it is mended.
type SettingError struct{ error }

func (e SettingError) Unwrap() error { return e.error }

// checkSettings looks at what the environment says of the hub, before anything is asked of it.
func (h *Hub) checkSettings() error {
	if fault := endpointFault(h.Endpoint); fault != "" {
		return SettingError{fmt.Errorf("fetch: HF_ENDPOINT %s: want the address of a hub, such as %s or http://localhost:8080", fault, defaultEndpoint)}
	}
	// The token itself is in no message.
	if strings.ContainsFunc(h.Token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return SettingError{fmt.Errorf("fetch: the token in %s holds a space, a line break or another sign that no token has (it is one word, such as hf_...)", h.tokenFrom)}
	}
	// What http.Transport would make of the proxy's variables, which it asks for each request.
	request := &http.Request{URL: &url.URL{Scheme: "https", Host: "hub.invalid"}}
	if strings.HasPrefix(h.Endpoint, "http://") {
		request.URL.Scheme = "http"
	}
	if _, err := http.ProxyFromEnvironment(request); err != nil {
		return SettingError{fmt.Errorf("fetch: HTTPS_PROXY or HTTP_PROXY: %w", err)}
	}
	return nil
}

// endpointFault says why an address is none of a hub, or "".
func endpointFault(address string) string {
	u, err := url.Parse(address)
	var fault *url.Error
	switch {
	case errors.As(err, &fault):
		return fmt.Sprintf("is no address (%v)", fault.Err) // without the address, which may hold a password
	case err != nil:
		return "is no address"
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "":
		return fmt.Sprintf("%q does not begin with https:// or http://", u.Redacted())
	case u.Hostname() == "":
		return fmt.Sprintf("%q names no host", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q has something after the path", u.Redacted())
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Sprintf("%q has no possible port", u.Redacted())
		}
	}
	return ""
}

// redirectError is a redirect that is not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// isLasting says whether an error of a request will be there at the next try as well.
func isLasting(err error) bool {
	var redirect redirectError
	var certificate *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var address *net.AddrError
	return errors.As(err, &redirect) || errors.As(err, &certificate) || errors.As(err, &notTLS) || errors.As(err, &address) ||
		errors.Is(err, http.ErrSchemeMismatch)
}
