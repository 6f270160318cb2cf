import { describe, expect, it } from 'vitest';
import { shared } from '../../jupyter_ext/src/sidebar/room';

describe('the room of the sidebar', () => {
  it('is shared equally by sections that all need more', () => {
    expect(shared([900, 500, 400], 600)).toEqual([200, 200, 200]);
  });

  it('is not taken by a section that has little: the others have it', () => {
    expect(shared([900, 60, 900], 660)).toEqual([300, 60, 300]);
  });

  it('is the first one’s where nobody needs it', () => {
    expect(shared([100, 60, 40], 600)).toEqual([500, 60, 40]);
  });
});
