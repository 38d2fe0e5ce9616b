// Drives the host with dicomweb-client as a viewer would. Usage: node check.mjs BASE_URL STORE_TOKEN READ_TOKEN FILE…
// Prints one JSON line with what it saw; any difference ends it with exit code 1.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The library is made for browsers: the part of XMLHttpRequest that it uses, over fetch.
globalThis.XMLHttpRequest = class {
  #headers = {}; #method; #url; #response = new Headers();
  readyState = 0; status = 0; response = null; responseType = ''; statusText = '';
  open(method, url) { this.#method = method; this.#url = url; }
  setRequestHeader(name, value) { this.#headers[name] = value; }
  getResponseHeader(name) { return this.#response.get(name); }
  getAllResponseHeaders() { return [...this.#response].map(([n, v]) => `${n}: ${v}`).join('\r\n'); }
  abort() {}
  async send(body) {
    try {
      const answer = await fetch(this.#url, { method: this.#method, headers: this.#headers, body });
      this.#response = answer.headers;
      const bytes = await answer.arrayBuffer();
      this.response = this.responseType === 'arraybuffer' ? bytes
        : this.responseType === 'json' ? JSON.parse(new TextDecoder().decode(bytes) || 'null') : new TextDecoder().decode(bytes);
      this.status = answer.status; this.statusText = answer.statusText; this.readyState = 4;
      this.onreadystatechange?.(); this.onload?.(); this.onloadend?.();
    } catch (error) {
      this.onerror?.(error); this.onloadend?.();
    }
  }
};
globalThis.window ??= globalThis;

const { api } = createRequire(import.meta.url)('dicomweb-client');
const [base, storeToken, readToken, ...files] = process.argv.slice(2);
const client = token => new api.DICOMwebClient({ url: base, headers: { Authorization: `Bearer ${token}` } });
const bytesOf = file => { const b = readFileSync(file); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };
const value = (item, tag) => item[tag]?.Value?.[0];

await client(storeToken).storeInstances({ datasets: files.map(bytesOf) });
const reader = client(readToken);

const studies = await reader.searchForStudies({ queryParams: { limit: 101, offset: 0, fuzzymatching: false, includefield: '00081030,00080060' } });
assert.ok(studies.length >= 1);
const study = value(studies.find(s => value(s, '00100020') === 'DEMO-0001'), '0020000D');
assert.ok(study);
const series = await reader.searchForSeries({ studyInstanceUID: study });
const instances = await reader.searchForInstances({ studyInstanceUID: study, seriesInstanceUID: value(series[0], '0020000E') });
assert.equal(instances.length, value(series[0], '00201209'));
const metadata = await reader.retrieveSeriesMetadata({ studyInstanceUID: study, seriesInstanceUID: value(series[0], '0020000E') });
assert.equal(metadata.length, instances.length);

const ids = { studyInstanceUID: study, seriesInstanceUID: value(series[0], '0020000E'), sopInstanceUID: value(instances[0], '00080018') };
const whole = await reader.retrieveInstance(ids);
assert.equal(new TextDecoder().decode(whole.slice(128, 132)), 'DICM');
const size = value(instances[0], '00280010') * value(instances[0], '00280011') * 2;
const frames = await reader.retrieveInstanceFrames({ ...ids, frameNumbers: [1] });
assert.equal(frames.length, 1);
assert.equal(frames[0].byteLength, size);
// The frame is the end of the file: pixel data is its last element.
assert.deepEqual(new Uint8Array(frames[0]), new Uint8Array(whole.slice(whole.byteLength - size)));
const study2 = await reader.retrieveStudy({ studyInstanceUID: study });
assert.equal(study2.length, series.reduce((sum, s) => sum + value(s, '00201209'), 0));
const everyone = await reader.retrieveStudyMetadata({ studyInstanceUID: study });
assert.equal(everyone.length, study2.length);
console.log(JSON.stringify({ studies: studies.length, series: series.length, instances: study2.length, bytes: whole.byteLength }));
