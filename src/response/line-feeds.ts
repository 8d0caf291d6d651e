/**
 * Returns a function that replaces CR LF and CR, which end a line of server-sent events, too (HTML
 * §9.2.5), by LF in the parts of a text.
 *
 * The parser handles a CR only with the text behind it, so an event that was whole could count as cut
 * off. And it looks for the next LF again at each CR: 256 KB of them took 1.6 s.
 */
export function lineFeeds(): (part: string) => string {
  let endsWithReturn = false;
  return (part) => {
    if (part === '') return part;
    const text = endsWithReturn && part.startsWith('\n') ? part.slice(1) : part;
    endsWithReturn = part.endsWith('\r');
    return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  };
}
