/**
 * The sections of "How it works", in order. Their ids are addresses that people pass on. None may look like an invitation,
 * which stands in the same place of an address.
 */
export const SECTIONS = [
  { id: 'picture', title: 'The picture' },
  { id: 'link', title: 'The link and its keys' },
  { id: 'meeting', title: 'How two browsers meet' },
  { id: 'travels', title: 'What travels where' },
  { id: 'sees', title: 'Who can see what' },
  { id: 'takeover', title: 'If a part is taken over' },
  { id: 'nat', title: 'STUN, TURN and NAT' },
  { id: 'credentials', title: 'The relay’s credentials' },
  { id: 'mesh', title: 'Why a mesh' },
  { id: 'limits', title: 'The honest limits' },
  { id: 'operators', title: 'What an operator can do' },
] as const;

export type SectionId = (typeof SECTIONS)[number]['id'];
