/**
 * Which ICE servers of a welcome the browser can use. The room is not trusted, and one entry that the browser refuses
 * would make every peer connection of the call impossible (webrtc-pc s4.4.1.1, "set a configuration", throws for it).
 */
import type { IceServer } from '../../rooms/protocol/messages.ts';

/** RFC 7064 s3.1 and RFC 7065 s3.1, without what an operator has no use for: percent-encoding and IPv6 zones. */
const ICE_URL =
  /^(stuns?|turns?):(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?(\?transport=(?:udp|tcp))?$/i;

/** The entries all of whose URLs are well formed, TURN ones with their credential; at most as many as given. */
export function usableIceServers(servers: readonly IceServer[]): RTCIceServer[] {
  return servers
    .filter((server) => server.urls.length > 0 && server.urls.every((url) => isUsable(url, server)))
    .map((server) => ({ ...server, urls: [...server.urls] }));
}

export function hasRelay(servers: readonly RTCIceServer[]): boolean {
  return servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}

function isUsable(url: string, { username, credential }: IceServer): boolean {
  const [, scheme, port, transport] = ICE_URL.exec(url) ?? [];
  if (scheme === undefined) return false;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return false;
  return scheme.toLowerCase().startsWith('turn')
    ? Boolean(username) && Boolean(credential)
    : transport === undefined;
}
