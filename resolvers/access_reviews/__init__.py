"""Access reviews: begun by security or by themselves, each thing in one confirmed or ended by somebody else.

(1) A review is about everything that there is when it begins, held against the one before. (2) Whoever decides does not
hold the thing: policy.polar says so, and who may. (3) What nobody has confirmed when the review is due ends by itself;
a contributor's key only where its contributor was told in time, and has not used it since. (4) What can't end here, an
agent or a component, stays overdue, which is a finding until somebody decides.
"""
