package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// submitCommand submits count transactions to keys of their own, so many in flight, and waits for each commit.
func submitCommand(set *flag.FlagSet, arguments []string) error {
	var t target
	t.flags(set)
	count := set.Int("count", 1000, "transactions")
	inFlight := set.Int("in-flight", 100, "transactions under way at once")
	prefix := set.String("prefix", "go", "beginning of the keys")
	if err := set.Parse(arguments); err != nil {
		return err
	}
	gateway, _, _, err := t.connect()
	if err != nil {
		return err
	}
	defer gateway.Close()
	contract := gateway.GetNetwork(t.channel).GetContract(t.chaincode)
	if _, err := contract.SubmitTransaction("put", *prefix+"-warm-up", "x"); err != nil {
		return err
	}
	cpu, start := cpuSeconds(), time.Now()
	var next atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, *inFlight)
	for range *inFlight {
		group.Go(func() {
			for index := next.Add(1); index <= int64(*count); index = next.Add(1) {
				if _, err := contract.SubmitTransaction("put", fmt.Sprintf("%s-%d", *prefix, index), "value"); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	if err := <-failures; err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"count": *count, "seconds": time.Since(start).Seconds(), "cpu_s": cpuSeconds() - cpu,
	})
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
