// node check.js read LOG      one line an interval: tag total max p50 p90 p99 p99.9 p99.99 p100 mean stddev
// node check.js write LOG     a log with known values, for the other direction
"use strict";
const fs = require("fs");
const hdr = require("hdr-histogram-js");

const percentiles = [0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

function read(path) {
  // Counts as doubles: 32-bit counters would overflow.
  const reader = new hdr.HistogramLogReader(fs.readFileSync(path, "utf8"), 64);
  for (let h = reader.nextIntervalHistogram(); h !== null; h = reader.nextIntervalHistogram()) {
    const values = percentiles.map((p) => h.getValueAtPercentile(p));
    console.log([h.tag, h.totalCount, h.maxValue, ...values, h.mean, h.stdDeviation].join(" "));
  }
}

function write(path) {
  const lines = [];
  const writer = new hdr.HistogramLogWriter((line) => lines.push(line));
  writer.outputLogFormatVersion();
  writer.outputStartTime(1700000000000);
  writer.outputLegend();
  for (const digits of [1, 2, 3, 4]) {
    const h = hdr.build({ highestTrackableValue: 3600000000000, numberOfSignificantValueDigits: digits,
                          bitBucketSize: 64 });
    for (let i = 1; i <= 1000; i++) h.recordValueWithCount(i * i * 97, i);
    h.tag = `digits${digits}`;
    writer.outputIntervalHistogram(h, 0, 1);
    console.log([h.tag, h.totalCount, ...percentiles.map((p) => h.getValueAtPercentile(p))].join(" "));
  }
  fs.writeFileSync(path, lines.join(""));
}

const [command, path] = process.argv.slice(2);
if (command === "read") read(path);
else if (command === "write") write(path);
else throw new Error("read or write");
