using System.Buffers;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;
using Skylight.Archive.Sealing;

namespace Skylight.Core.Integrity;

/// <summary>Whether one stored copy of a sealed object is what it was when it was written.</summary>
public enum CopyState
{
    Whole,
    Missing,

    /// <summary>It is cut short, altered, another object's, or its medium does not give it back.</summary>
    Damaged,

    /// <summary>In the archive tier: it cannot be read now.</summary>
    Archived,
}

/// <summary>Reads, copies and mends single sealed objects, whatever they hold.</summary>
public sealed class ObjectCheck(StudyKeys keys)
{
    private const int CopyBytes = 1 << 20;

    /// <summary>Before the name of a damaged object that was replaced.</summary>
    public const string Kept = "damaged/";

    /// <summary>Reads a copy from end to end. Answers its bytes, and what is wrong in words.</summary>
    /// <exception cref="KeyUnavailableException">Without its key nobody can say.</exception>
    public async ValueTask<(CopyState State, long Bytes, string? Fault)> ReadAsync(IObjectStore store, string name, CancellationToken cancellationToken)
    {
        if (await store.GetStatusAsync(name, cancellationToken) is not { } status) return (CopyState.Missing, 0, null);
        if (status.Tier == ObjectTier.Archive && !store.ReadsArchived) return (CopyState.Archived, 0, null);
        try
        {
            var header = await SealedObjectReader.ReadHeaderAsync(store, name, cancellationToken);
            using var reader = await SealedObjectReader.OpenAsync(store, name, header.Type, keys, cancellationToken);
            await reader.VerifyAsync(cancellationToken);
            return (CopyState.Whole, status.Length, null);
        }
        catch (SealedObjectException damage)
        {
            return (CopyState.Damaged, status.Length, $"{damage.Fault}, segment {damage.Segment}");
        }
        catch (KeyUnavailableException missing) when (missing.Fault == KeyFault.NoRecord)
        {
            // The study has keys, and the header names another: the header is what is damaged. Without any record the study was erased, or its keys are lost.
            var (institution, studyKey) = ObjectName.Owner(name);
            if (!await keys.ExistsAsync(institution, studyKey, cancellationToken)) throw;
            return (CopyState.Damaged, status.Length, "the header names an unknown key");
        }
        catch (ObjectUnreadableException)
        {
            return (CopyState.Damaged, status.Length, "the medium does not give it back");
        }
        catch (ObjectMissingException)
        {
            return (CopyState.Missing, 0, null);
        }
        catch (ObjectArchivedException)
        {
            return (CopyState.Archived, 0, null);
        }
    }

    /// <summary>Copies the sealed bytes; the source has been found whole. Nothing happens when the target has the object.</summary>
    public static async ValueTask<long> CopyAsync(IObjectStore from, IObjectStore to, string name, string target, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            await using var writer = await to.CreateAsync(target, cancellationToken);
            var at = 0L;
            while (await from.ReadAsync(name, at, buffer.AsMemory(0, CopyBytes), cancellationToken) is var read and > 0)
            {
                await writer.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                at += read;
            }

            await writer.CommitAsync(cancellationToken);
            return at;
        }
        catch (ObjectExistsException)
        {
            return 0;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Puts a whole copy in the place of a damaged or missing one. The damaged bytes are kept under <c>damaged/</c> for whoever looks into it. The source
    /// must just have been found whole: nothing damaged ever takes a place. Dying in between leaves the copy missing, which the next read or scrub mends.
    /// </summary>
    public static async ValueTask MendAsync(IObjectStore whole, IObjectStore bad, string name, CancellationToken cancellationToken)
    {
        var status = await bad.GetStatusAsync(name, cancellationToken);
        if (status is not null)
        {
            await KeepAsync(bad, name, cancellationToken);
            await bad.DeleteAsync(name, cancellationToken);
        }

        await CopyAsync(whole, bad, name, name, cancellationToken);
        if (status is { Tier: not ObjectTier.Hot and var tier }) await bad.SetTierAsync(name, tier, cancellationToken);
    }

    private static async ValueTask KeepAsync(IObjectStore bad, string name, CancellationToken cancellationToken)
    {
        try
        {
            await CopyAsync(bad, bad, name, Kept + name, cancellationToken);
        }
        catch (ObjectUnreadableException)
        {
            // Nobody will look into what the medium does not give back.
        }
    }
}
