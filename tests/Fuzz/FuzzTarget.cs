namespace Skylight.Fuzz;

/// <summary>One entry point that takes bytes from strangers, with what must hold for any of them.</summary>
public abstract class FuzzTarget
{
    /// <summary>As the command line and the corpus folder name it.</summary>
    public abstract string Name { get; }

    /// <summary>Valid inputs from which mutations start. Made here, never taken from real files.</summary>
    public abstract IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>Bytes and words that mean something here and are put into inputs.</summary>
    public virtual IReadOnlyList<byte[]> Tokens => [];

    /// <summary>
    /// Runs one input. The answer is a digest of what kind of thing happened (codes, states): an input with a new one is mutated further.
    /// </summary>
    /// <exception cref="FuzzFailure">A property does not hold.</exception>
    public abstract long Run(byte[] input, Random random);

    /// <summary>The exceptions that the entry point documents; its code becomes part of the digest.</summary>
    public abstract bool Expects(Exception error);

    /// <summary>Bytes that one input of that length may allocate.</summary>
    public virtual long AllocationBudget(int length) => (1 << 20) + (400L * length);

    /// <summary>A mutation that knows the format; null for one that does not.</summary>
    public virtual byte[]? Mutate(byte[] input, Random random) => null;
}

/// <summary>A property that does not hold.</summary>
public sealed class FuzzFailure(string message) : Exception(message)
{
    public static void Unless(bool holds, string property)
    {
        if (!holds) throw new FuzzFailure(property);
    }
}
