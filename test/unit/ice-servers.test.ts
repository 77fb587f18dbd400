import { expect, it } from 'vitest';
import { usableIceServers } from '../../app/call/ice-servers.ts';

const credential = { username: '1:peer', credential: 'secret' };

it.each([
  'stun:stun.example.org',
  'stuns:stun.example.org:5349',
  'turn:127.0.0.1:3478?transport=udp',
  'turns:relay.example.org:443?transport=tcp',
  'turn:[2001:db8::1]:3478',
])('takes %s', (url) => {
  expect(usableIceServers([{ urls: [url], ...credential }])).toHaveLength(1);
});

it.each([
  '',
  'turn:',
  'turn:x?transport=carrier-pigeon',
  'turn:x:0',
  'turn:x:99999',
  'stun:x?transport=udp',
  'stun:x?y=1',
  'http://x',
  'turn:user@x',
  'turn:[::1',
  'turn:x y',
])('leaves out %s and keeps what stands beside it', (url) => {
  const good = { urls: ['stun:stun.example.org'] };
  expect(usableIceServers([{ urls: [url], ...credential }, good])).toEqual([good]);
});

it('leaves out a TURN server without its credential', () => {
  expect(usableIceServers([{ urls: ['turn:x'] }])).toEqual([]);
  expect(usableIceServers([{ urls: ['turn:x'], username: 'a' }])).toEqual([]);
});
