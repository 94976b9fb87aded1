//! Copies of blocks into larger ones.

use super::block::{Block, Content};
use super::data::{Data, Number, Slice};
use super::dtype::{Dtype, with_types};

/// Returns `n` zeros.
pub(super) fn zeros(dtype: Dtype, n: usize) -> Data {
    macro_rules! typed {
        ($(($v:ident, $t:ty, $name:literal))*) => {
            match dtype { $(Dtype::$v => Data::$v(vec![<$t>::default(); n])),* }
        };
    }
    with_types!(typed)
}

/// Copies a block to its place, from `start` on along each axis, in row-major data of `shape`.
pub(super) fn copy(block: &Block, start: &[usize], shape: &[usize], into: &mut Data) {
    if block.len() == 0 {
        return;
    }
    let mut distances = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        distances[axis - 1] = distances[axis] * shape[axis];
    }
    // Trailing axes that the block fills are copied in one go.
    let mut inner = shape.len();
    let mut run = 1;
    while inner > 0 {
        inner -= 1;
        run *= block.shape[inner];
        if block.shape[inner] != shape[inner] {
            break;
        }
    }
    let first: usize = start.iter().zip(&distances).map(|(s, d)| s * d).sum();
    let repeated = match block.content {
        Content::Same(number) => Some(number.repeat(run)),
        Content::List(_) => None,
    };
    let mut place = vec![0usize; inner];
    for row in 0..block.len() / run {
        let at = first + place.iter().zip(&distances).map(|(p, d)| p * d).sum::<usize>();
        let from = match &repeated {
            Some(data) => data.slice(),
            None => block.slice().part(row * run, (row + 1) * run),
        };
        into.write(at, from);
        for axis in (0..inner).rev() {
            place[axis] += 1;
            if place[axis] < block.shape[axis] {
                break;
            }
            place[axis] = 0;
        }
    }
}

/// Copies the part of a block that lies in a range, by its first element and length along each
/// axis, to its place in row-major data of the range. The block begins at `start`.
pub(super) fn copy_overlap(
    block: &Block,
    start: &[usize],
    range: &[(usize, usize, usize)],
    into: &mut Data,
) {
    let lengths: Vec<usize> = range.iter().map(|r| r.1).collect();
    let (mut from, mut size, mut to) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, (first, len, _)) in range.iter().enumerate() {
        let begin = start[axis].max(*first);
        let end = (start[axis] + block.shape[axis]).min(first + len);
        from.push(begin - start[axis]);
        size.push(end.saturating_sub(begin));
        to.push(begin - first);
    }
    if from.iter().all(|f| *f == 0) && size == block.shape {
        return copy(block, &to, &lengths, into);
    }
    copy(&cut(block, &from, &size), &to, &lengths, into);
}

/// Returns the part of a block with `size` elements from `start` on along each axis.
pub(super) fn cut(block: &Block, start: &[usize], size: &[usize]) -> Block {
    if let Content::Same(number) = block.content {
        return Block::same(size.to_vec(), number);
    }
    let data = block.data();
    let n: usize = size.iter().product();
    let mut out = Data::with_capacity(data.dtype(), n);
    let Some(run) = size.last().copied() else {
        out.extend(data.slice());
        return Block::new(Vec::new(), out);
    };
    if n == 0 {
        return Block::new(size.to_vec(), out);
    }
    for row in 0..n / run {
        let mut rest = row;
        let (mut at, mut distance) = (start[size.len() - 1], block.shape[size.len() - 1]);
        for axis in (0..size.len() - 1).rev() {
            at += (start[axis] + rest % size[axis]) * distance;
            rest /= size[axis];
            distance *= block.shape[axis];
        }
        out.extend(data.slice().part(at, at + run));
    }
    Block::new(size.to_vec(), out)
}

/// Returns the number that all blocks have in common, if each is the same everywhere.
pub(super) fn common<'a>(mut blocks: impl Iterator<Item = &'a Block>) -> Option<Number> {
    let same = |b: &Block| if let Content::Same(n) = b.content { Some(n) } else { None };
    let first = same(blocks.next()?)?;
    let bits = |n: &Number| format!("{n:?}");
    blocks.all(|b| same(b).is_some_and(|n| bits(&n) == bits(&first))).then_some(first)
}

/// Appends part of a block's elements in row-major order.
pub(super) fn append(block: &Block, from: usize, to: usize, into: &mut Data) {
    match (&block.content, block.slice()) {
        (Content::Same(number), _) => into.extend(number.repeat(to - from).slice()),
        (Content::List(_), slice) => into.extend(Slice::part(slice, from, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_copied_to_their_places() {
        let mut all = zeros(Dtype::I64, 24);
        let block = Block::new(vec![2, 2], Data::I64(vec![1, 2, 3, 4]));
        copy(&block, &[1, 3], &[4, 6], &mut all);
        copy(&Block::same(vec![1, 6], Number::I64(9)), &[3, 0], &[4, 6], &mut all);
        let mut right = vec![0i64; 24];
        (right[9], right[10], right[15], right[16]) = (1, 2, 3, 4);
        right[18..].fill(9);
        assert_eq!(all, Data::I64(right));
    }
}
