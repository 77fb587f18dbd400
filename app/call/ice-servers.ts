/**
 * Which ICE servers of a welcome the browser can use. The room is not trusted: one entry that the browser refuses would
 * make every peer connection of the call impossible.
 */
import type { IceServer } from '../../rooms/protocol/messages.ts';

/** The entries that this browser accepts, each tried on its own (webrtc-pc s4.4.1.6 names what it throws for). */
export function usableIceServers(servers: readonly IceServer[]): RTCIceServer[] {
  return servers.map((server) => ({ ...server, urls: [...server.urls] })).filter(isUsable);
}

function isUsable(server: RTCIceServer): boolean {
  try {
    new RTCPeerConnection({ iceServers: [server] }).close();
    return true;
  } catch {
    return false;
  }
}
