using System.Runtime.CompilerServices;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Fuzz.Targets;

/// <summary>Sealed objects: bytes that were changed in any way are refused; not one byte of other plaintext comes out.</summary>
public sealed class SealedTarget : FuzzTarget
{
    private const string Folder = "hospital-a/abcdefghijklmnopqrstuvwxyz234567";
    private const int PlainBytes = 9000;

    private static readonly DataKey s_key = new(new byte[32].Select((_, i) => (byte)i).ToArray());
    private static readonly byte[] s_plain = [.. Enumerable.Range(0, PlainBytes).Select(i => (byte)(i * 31 >> 3))];
    private static readonly (string Name, byte[] Bytes)[] s_objects = [Seal(SealAlgorithm.Aes256Gcm, 9000), Seal(SealAlgorithm.Aes256Gcm, 0), Seal(SealAlgorithm.Sm4Gcm, 5000)];

    public override string Name => "sealed";

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. s_objects.Select(o => o.Bytes)];

    public override bool Expects(Exception error) => error is SealedObjectException or KeyUnavailableException;

    public override long Run(byte[] input, Random random)
    {
        // The input stands under the name of the object whose header it carries, or of any.
        var (name, bytes) = s_objects.FirstOrDefault(o => input.AsSpan().StartsWith(o.Bytes.AsSpan(0, SealedHeader.Size)), s_objects[0]);
        var store = new OneObject(name, input);
        using var reader = SealedObjectReader.OpenAsync(store, name, SealedType.Pack, s_key, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        var buffer = new byte[PlainBytes];
        var offset = random.Next((int)Math.Min(reader.Length, PlainBytes) + 1);
        var count = reader.ReadAsync(offset, buffer, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        FuzzFailure.Unless(offset + count <= PlainBytes && buffer.AsSpan(0, count).SequenceEqual(s_plain.AsSpan(offset, count)), "other plaintext was returned");
        reader.VerifyAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        FuzzFailure.Unless(input.AsSpan().SequenceEqual(bytes), "a changed object was accepted");
        return count;
    }

    private static (string Name, byte[] Bytes) Seal(SealAlgorithm algorithm, int length)
    {
        var (reference, small) = SealedObjectWriter.Seal(Folder, s_key, SealedType.Pack, new SealOptions { SegmentBytes = 4096, Algorithm = algorithm }, s_plain.AsSpan(0, length));
        return (reference.Name, small.Bytes.ToArray());
    }

    private sealed class OneObject(string name, byte[] bytes) : IObjectStore
    {
        public ValueTask<ObjectWriter> CreateAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<int> ReadAsync(string asked, long offset, Memory<byte> destination, CancellationToken cancellationToken)
        {
            if (asked != name) throw new ObjectMissingException(asked);
            var count = (int)Math.Clamp(bytes.Length - offset, 0, destination.Length);
            bytes.AsSpan((int)Math.Min(offset, bytes.Length), count).CopyTo(destination.Span);
            return ValueTask.FromResult(count);
        }

        public ValueTask<long?> GetLengthAsync(string asked, CancellationToken cancellationToken) => ValueTask.FromResult<long?>(asked == name ? bytes.Length : null);

        public ValueTask<bool> DeleteAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

        public async IAsyncEnumerable<string> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            yield return name;
        }

        public ValueTask SetTierAsync(string name, ObjectTier tier, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask<ObjectStatus?> GetStatusAsync(string asked, CancellationToken cancellationToken) =>
            ValueTask.FromResult<ObjectStatus?>(asked == name ? new ObjectStatus(bytes.Length, ObjectTier.Hot, Rehydrating: false) : null);
    }
}
