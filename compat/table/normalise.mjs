/**
 * Traces without what has to differ: addresses, and ports that the system chose.
 */

/** A text with the names of things instead of the things. */
export function normalise(text) {
  return text
    .replace(/\b(10\.40\.0\.32|127\.0\.0\.1)\b/g, 'ADDRESS')
    .replace(/(^|[^\w:])(fc00::32|::1)(?![\w:]*[\da-f]:|[\da-f])/g, '$1ADDRESS6')
    .replace(/(ADDRESS6?|0\.0\.0\.0|\[::\]|localhost):\d{4,5}\b/g, '$1:PORT')
    .replace(/\([\d.]+ms\)/g, '(TIME)')
    .replace(/(duration_ms:?) [\d.]+|\([\d.]+ms\)/g, '$1 TIME')
    .replace(/("port":)\d{4,5}\b/g, '$1"PORT"')
}

/** Standard error of a program that failed: the message and the program's own place; frames of Node's and of ours are left out. */
export function normaliseFailure(text) {
  return normalise(text)
    .split('\n')
    .filter((line) => !/^\s+at /.test(line))
    .join('\n')
}
