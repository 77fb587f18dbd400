import { describe, expect, it } from 'vitest';
import { encodeBase64Url } from '../../app/crypto/base64url.ts';
import { createInvitation, formatInvitation, parseInvitation } from '../../app/crypto/link.ts';

const SECRET = 'AAECAwQFBgcICQoLDA0ODw';

function labelOf(input: string): string | null {
  const parsed = parseInvitation(input);
  return parsed.ok ? parsed.invitation.label : null;
}

function codeOf(input: string): string | null {
  const parsed = parseInvitation(input);
  return parsed.ok ? null : parsed.code;
}

describe('an invitation', () => {
  it.each([
    `https://call.example/#${SECRET}`,
    `http://localhost:8787/#${SECRET}`,
    `call.example/#${SECRET}`,
    `https://call.example/index.html?theme=dark#${SECRET}`,
    `#${SECRET}`,
    SECRET,
    `  ${SECRET}/\n`,
  ])('is read from %j', (input) => {
    const parsed = parseInvitation(input);
    if (!parsed.ok) throw new Error(parsed.code);
    expect(parsed.invitation.secretText).toBe(SECRET);
    expect([...parsed.invitation.secret]).toEqual(Array.from({ length: 16 }, (_, at) => at));
    expect(parsed.invitation.label).toBe('');
  });

  it.each([
    [`#${SECRET}/Team%20call`, 'Team call'],
    [`${SECRET}/a/b`, 'a/b'],
    [`${SECRET}/Gr%C3%BC%C3%9Fe`, 'Grüße'],
    [`${SECRET}/100%`, '100%'],
    [`${SECRET}/a%00%E2%80%AEb`, 'ab'],
    [`${SECRET}/${'x'.repeat(70)}`, 'x'.repeat(60)],
  ])('has a label: %j', (input, label) => {
    expect(labelOf(input)).toBe(label);
  });

  it.each([
    ['', 'empty'],
    ['  \n', 'empty'],
    ['#', 'empty'],
    ['https://call.example/', 'empty'],
    ['https://call.example/#', 'empty'],
    ['hello', 'malformed'],
    [`#${SECRET}x`, 'malformed'],
    [`#${SECRET.slice(1)}`, 'malformed'],
    [`#${SECRET.slice(0, 21)}x`, 'malformed'],
    [`#${SECRET.slice(0, 21)}+`, 'malformed'],
    [`#/${SECRET}`, 'malformed'],
    ['#__proto__', 'malformed'],
    [`#${SECRET}/${'x'.repeat(5000)}`, 'malformed'],
    [`https://call.example/${SECRET}`, 'key-in-query-or-path'],
    [`https://call.example/room/${SECRET}/`, 'key-in-query-or-path'],
    [`https://call.example/?key=${SECRET}`, 'key-in-query-or-path'],
    [`https://call.example/?${SECRET}#${SECRET}`, 'key-in-query-or-path'],
    [`https://call.example/?a=b%26k%3D${SECRET}`, 'key-in-query-or-path'],
    [`/${SECRET}`, 'key-in-query-or-path'],
    [`?${SECRET}`, 'key-in-query-or-path'],
  ])('is not %j: %s', (input, code) => {
    expect(codeOf(input)).toBe(code);
  });

  it('survives writing and reading, whatever its label', () => {
    for (const label of ['', 'Team', 'a/b#c?d', 'Grüße \u{1f600}', '100%', '\ud800broken']) {
      const made = createInvitation(label);
      const parsed = parseInvitation(formatInvitation('https://call.example', made));
      expect(parsed).toEqual({ ok: true, invitation: made });
    }
  });

  it('is fresh each time', () => {
    expect(createInvitation().secretText).toMatch(/^[A-Za-z0-9_-]{21}[AQgw]$/);
    expect(createInvitation().secretText).not.toBe(createInvitation().secretText);
  });

  it('survives mutated addresses, and what it accepts it can write again', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.info(`link fuzz: FUZZ_SEED=${seed}`);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const pieces = ['#', '/', '?', '%', '%E2', '%00', '=', '&', ' ', '\ud800', '\u202e', '://', SECRET, 'x'];
    let accepted = 0;
    for (let round = 0; round < 5000; round++) {
      let input = `https://call.example/#${SECRET}/Team%20call`;
      for (let count = 1 + random(3); count > 0; count--) {
        const at = random(input.length + 1);
        input = input.slice(0, at) + (pieces[random(pieces.length)] ?? '') + input.slice(at + random(3));
      }
      const parsed = parseInvitation(input);
      if (!parsed.ok) continue;
      accepted++;
      expect(encodeBase64Url(parsed.invitation.secret)).toBe(parsed.invitation.secretText);
      expect(parseInvitation(formatInvitation('https://call.example', parsed.invitation))).toEqual(parsed);
    }
    expect(accepted).toBeGreaterThan(0);
  });
});
