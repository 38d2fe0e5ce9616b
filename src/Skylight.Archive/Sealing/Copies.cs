using System.Runtime.ExceptionServices;
using Skylight.Archive.Keys;
using Skylight.Archive.Objects;

namespace Skylight.Archive.Sealing;

/// <summary>The copy of an object that is being read, and the one to go on from; there is none where the store has no mirror.</summary>
internal readonly record struct Copies(IObjectStore Store, IObjectStore? Other, MirroredObjectStore? Mirror)
{
    public static Copies Of(IObjectStore store) => store is MirroredObjectStore mirror ? new Copies(mirror.First, mirror.Second, mirror) : Only(store);

    /// <summary>This copy and no other.</summary>
    public static Copies Only(IObjectStore store) => new(store, null, null);

    /// <summary>The other copy first.</summary>
    public Copies Swapped => new(Other!, Store, Mirror);

    /// <summary>Whether an error of a read says something about this copy only, so that the other may be whole, and there is another.</summary>
    public bool CanFallBack(Exception error, string name) => Other is not null && IsDamage(error, name);

    /// <summary>Whether a copy is damaged or missing. A header that names an unknown key is damaged, unless the key is: then the other copy says the same.</summary>
    public static bool IsDamage(Exception error, string name) => error switch
    {
        SealedObjectException damage => damage.Name == name,
        ObjectMissingException missing => missing.Name == name,
        ObjectUnreadableException unreadable => unreadable.Name == name,
        KeyUnavailableException key => key.Fault is KeyFault.NoRecord or KeyFault.WrongKey,
        _ => false,
    };

    /// <summary>Reads from the other copy what this one could not give. Where that fails too, the damage of the first is what the caller learns.</summary>
    public async ValueTask<T> FallBackAsync<T>(string name, Exception damage, Func<Copies, ValueTask<T>> read)
    {
        try
        {
            var result = await read(Swapped);
            Mirror!.FellBack(name);
            return result;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            ExceptionDispatchInfo.Throw(damage);
            throw;
        }
    }
}
