package main

import (
	"errors"
	"fmt"
)

var errFailed = errors.New("a check failed")

// report prints one line for each check and remembers whether all passed.
type report struct{ failed bool }

func (r *report) check(name string, err error) {
	if err != nil {
		r.failed = true
		fmt.Printf("failed %s: %v\n", name, err)
		return
	}
	fmt.Println("passed", name)
}

func (r *report) result() error {
	if r.failed {
		return errFailed
	}
	return nil
}

// expect returns an error that names what differs.
func expect[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, not %v", what, got, want)
	}
	return nil
}
