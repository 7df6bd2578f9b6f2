/** How the value of a secret may look when it comes back: as it is, and as what carries text writes it. */

/**
 * The spellings of a value, without repetitions, the longest first: as it is, inside a string of JSON, percent-encoded, as a field
 * of a form, and in base64, wherever in the encoded text it begins.
 */
export function formsOf(value: string): readonly string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const percent = [encodeURIComponent(value), encodeURI(value), new URLSearchParams([['', value]]).toString().slice(1)];
  const forms = [value, json, json.replaceAll('/', '\\/'), ...percent, ...percent.map(lowerEscapes), ...inBase64(value)];
  return [...new Set(forms)].toSorted((left, right) => right.length - left.length);
}

const lowerEscapes = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase());

/**
 * Encoded alone, and in the middle of other bytes: then only the characters that the value alone decides are searched for. What
 * is left beside them are at most four bits at either end.
 */
function inBase64(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const alone = bytes.toString('base64');
  const amid = [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
  return [alone, alone.replaceAll('=', ''), ...amid].flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
}
