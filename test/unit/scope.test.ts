import { afterEach, describe, expect, it, vi } from 'vitest';
import { Scope } from '../../app/call/scope.ts';

const reported = vi.fn<(error: unknown) => void>();
vi.stubGlobal('reportError', reported);
afterEach(() => reported.mockClear());

describe('Scope', () => {
  it('is marked closed before anything is released', () => {
    const scope = new Scope();
    const seen: boolean[] = [];
    scope.onClose(() => seen.push(scope.signal.aborted));
    expect(scope.signal.aborted).toBe(false);
    scope.close();
    expect(seen).toEqual([true]);
  });

  it('closes children first, then releases in reverse order, once', () => {
    const scope = new Scope();
    const order: string[] = [];
    scope.onClose(() => order.push('first'));
    scope.child().onClose(() => order.push('child'));
    scope.onClose(() => order.push('second'));
    scope.close();
    scope.close();
    expect(order).toEqual(['child', 'second', 'first']);
  });

  it('runs what is added after the close at once', () => {
    const scope = new Scope();
    scope.close();
    const late = vi.fn<() => void>();
    scope.onClose(late);
    expect(late).toHaveBeenCalledOnce();
    expect(scope.child().signal.aborted).toBe(true);
  });

  it('does not let a failing disposer keep the others from running', () => {
    const scope = new Scope();
    const other = vi.fn<() => void>();
    const failure = new Error('cannot');
    scope.onClose(other);
    scope.child().onClose(() => {
      throw failure;
    });
    scope.onClose(() => {
      throw failure;
    });
    scope.close();
    expect(other).toHaveBeenCalledOnce();
    expect(reported.mock.calls).toEqual([[failure], [failure]]);
  });

  it('lets a child end by itself and forgets it', () => {
    const scope = new Scope();
    const child = scope.child();
    const released = vi.fn<() => void>();
    child.onClose(released);
    child.close();
    expect(scope.signal.aborted).toBe(false);
    scope.close();
    expect(released).toHaveBeenCalledOnce();
  });

  it('may be closed from within a disposer', () => {
    const scope = new Scope();
    const child = scope.child();
    const order: string[] = [];
    scope.onClose(() => order.push('parent'));
    child.onClose(() => {
      order.push('child');
      scope.close();
    });
    scope.close();
    expect(order).toEqual(['child', 'parent']);
  });
});
