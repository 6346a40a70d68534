//! What a step of a pure machine asks its driver to do. Pure.

/// The effects of one step, in the order to perform them: there is room for `ROOM`, and no step has
/// as many (a law of each machine checks this).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EffectList<E, const ROOM: usize> {
    list: [Option<E>; ROOM],
}

impl<E: Copy, const ROOM: usize> Default for EffectList<E, ROOM> {
    fn default() -> Self {
        Self { list: [None; ROOM] }
    }
}

impl<E: Copy, const ROOM: usize> EffectList<E, ROOM> {
    /// The effects in their order.
    pub fn iter(&self) -> impl Iterator<Item = E> + '_ {
        self.list.iter().flatten().copied()
    }

    /// Appends one effect.
    pub fn push(&mut self, effect: E) {
        if let Some(slot) = self.list.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(effect);
        }
    }
}

/// The step of a machine, with a fault that changes what it returns.
#[cfg(test)]
pub fn with_fault<S: Copy, V: Copy, E: Copy, const ROOM: usize>(
    step: impl Fn(S, V) -> (S, EffectList<E, ROOM>),
    fault: impl Fn(S, V, &mut S, &mut Vec<E>),
) -> impl Fn(S, V) -> (S, EffectList<E, ROOM>) {
    move |state, event| {
        let (mut after, effects) = step(state, event);
        let mut list = effects.iter().collect();
        fault(state, event, &mut after, &mut list);
        let mut effects = EffectList::default();
        list.into_iter().for_each(|effect| effects.push(effect));
        (after, effects)
    }
}
