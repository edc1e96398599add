package onnx

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
)

// A Device is a graphics card that an execution provider runs models on.
type Device struct {
	Index int // the provider's number of the card, as in CUDA's device_id
	Name  string
	Total int64 // bytes of memory; 0 if unknown
	Free  int64 // bytes of it that were free when the program looked; 0 if unknown
}

// TakesDevices reports whether a provider runs on cards that Options.Devices can choose.
func TakesDevices(provider string) bool { return provider == "cuda" || provider == "tensorrt" }

// checkDevices refuses devices that the provider does not have, and those that are given twice.
func (o Options) checkDevices() error {
	if len(o.Devices) == 0 {
		return nil
	}
	provider, err := checkProvider(o.Provider)
	if err != nil {
		return nil // check reports it
	}
	if !TakesDevices(provider) {
		return fmt.Errorf("provider %s has no devices to choose from", provider)
	}
	if _, ok := o.Settings[deviceID]; ok {
		return errors.New("the setting " + deviceID + " and Devices both choose a card")
	}
	seen := map[int]bool{}
	for _, d := range o.Devices {
		if d.Index < 0 || seen[d.Index] {
			return fmt.Errorf("device %d is given twice, or is negative", d.Index)
		}
		seen[d.Index] = true
	}
	return nil
}

const deviceID = "device_id"

// withDevice returns the settings of a provider that runs on a device, which may be nil. The settings themselves stay as they are,
// because they are part of keys and the device is not.
func withDevice(settings map[string]string, d *Device) map[string]string {
	if d == nil {
		return settings
	}
	with := maps.Clone(settings)
	if with == nil {
		with = map[string]string{}
	}
	with[deviceID] = strconv.Itoa(d.Index)
	return with
}
