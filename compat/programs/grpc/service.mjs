// A service without a file of its definition: messages are JSON.
const method = (path, requestStream, responseStream) => ({
  path: `/compat.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: (value) => Buffer.from(JSON.stringify(value)),
  requestDeserialize: (octets) => JSON.parse(octets),
  responseSerialize: (value) => Buffer.from(JSON.stringify(value)),
  responseDeserialize: (octets) => JSON.parse(octets),
})

export const service = {
  once: method('Once', false, false),
  count: method('Count', false, true),
  talk: method('Talk', true, true),
  fail: method('Fail', false, false),
}
